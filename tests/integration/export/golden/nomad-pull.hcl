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
    count = 1

    task "hello" {
      driver       = "docker"
      user         = "10001"
      kill_signal  = "SIGTERM"
      kill_timeout = "8s"

      config {
        image           = "registry.example/hello:1"
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
        AWS_LAMBDA_RUNTIME_API          = "192.0.2.1:9101"
        AWS_LAMBDA_FUNCTION_NAME        = "hello"
        AWS_LAMBDA_FUNCTION_MEMORY_SIZE = "128"
      }

      resources {
        cpu    = 144
        memory = 128
      }
    }
  }
}
