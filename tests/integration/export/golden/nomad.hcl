# The function hello, written by kiln export nomad. Start it:  nomad job run FILE
job "hello" {
  type = "service"

  update {
    max_parallel     = 1
    canary           = 1
    auto_promote     = true
    auto_revert      = true
    min_healthy_time = "2s"
  }

  group "hello" {
    count          = 1
    shutdown_delay = "5s"

    scaling {
      enabled = true
      min     = 1
      max     = 64

      policy {
        cooldown            = "30s"
        evaluation_interval = "10s"

        check "cpu" {
          source = "nomad-apm"
          query  = "avg_cpu"

          strategy "target-value" {
            target = 70
          }
        }
      }
    }

    network {
      port "http" {
        to = 8080
      }

      port "metrics" {
        to = 9464
      }
    }

    service {
      provider = "nomad"
      name     = "hello"
      port     = "http"

      check {
        type     = "http"
        port     = "metrics"
        path     = "/readyz"
        interval = "5s"
        timeout  = "2s"
      }
    }

    task "hello" {
      driver       = "docker"
      user         = "10001"
      kill_signal  = "SIGTERM"
      kill_timeout = "28s"

      config {
        image           = "registry.example/hello:1"
        ports           = ["http", "metrics"]
        readonly_rootfs = true
        cap_drop        = ["all"]
        security_opt    = ["no-new-privileges"]

        mount {
          type     = "tmpfs"
          target   = "/tmp"
          readonly = false

          tmpfs_options {
            size = 536870912
          }
        }
      }

      env {
        PORT                            = "8080"
        KILN_OPERATIONS_PORT            = "9464"
        AWS_LAMBDA_FUNCTION_NAME        = "hello"
        AWS_LAMBDA_FUNCTION_MEMORY_SIZE = "128"
        AWS_LAMBDA_FUNCTION_TIMEOUT     = "3"
      }

      resources {
        cpu    = 144
        memory = 128
      }
    }
  }
}
