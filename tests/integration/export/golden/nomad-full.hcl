# The function hello, written by kiln export nomad. Start it:  nomad job run FILE
# Nomad's clients cut kill_timeout to their max_kill_timeout, 30 s unless they say otherwise.
job "hello" {
  namespace = "shop"
  type      = "service"

  update {
    max_parallel     = 1
    canary           = 1
    auto_promote     = true
    auto_revert      = true
    min_healthy_time = "2s"
  }

  group "hello" {
    count          = 2
    shutdown_delay = "5s"

    scaling {
      enabled = true
      min     = 2
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
      kill_timeout = "85s"

      config {
        image           = "registry.example/hello:1"
        args            = ["app.main"]
        ports           = ["http", "metrics"]
        readonly_rootfs = true
        cap_drop        = ["all"]
        security_opt    = ["no-new-privileges"]

        mount {
          type     = "tmpfs"
          target   = "/tmp"
          readonly = false

          tmpfs_options {
            size = 1073741824
          }
        }
      }

      env {
        PORT                            = "8080"
        KILN_OPERATIONS_PORT            = "9464"
        AWS_LAMBDA_FUNCTION_NAME        = "hello"
        AWS_LAMBDA_FUNCTION_MEMORY_SIZE = "1769"
        AWS_LAMBDA_FUNCTION_TIMEOUT     = "60"
        AWS_LAMBDA_MAX_CONCURRENCY      = "4"
        EMPTY                           = ""
        TRUE                            = "true"
        NO                              = "No"
        NULL                            = "null"
        NUMBER                          = "1e3"
        OCTAL                           = "0755"
        DATE                            = "2026-11-27"
        TIME                            = "12:30:45"
        COMMENT                         = "a #b"
        COLON                           = "a: b"
        QUOTES                          = "\"double\" 'single' \\back"
        LINES                           = "one\ntwo\ttabbed\n"
        SPACES                          = "  around  "
        DOLLARS                         = "$HOME $(PORT) $$(PORT) $$ $${HOME} \u0024$${HOME} %%{if} 5$"
        UNICODE                         = "ä 😀    "
        JSON                            = "{\"a\": [1, \"b\"]}"
        STAR                            = "*anchor &name !tag @at `tick`"
      }

      template {
        destination = "${NOMAD_SECRETS_DIR}/variables.env"
        env         = true
        data = <<-EOT
          {{ with nomadVar "nomad/jobs/hello" }}{{ range .Tuples }}
          {{ .K }}={{ .V }}
          {{ end }}{{ end }}
        EOT
      }

      resources {
        cpu    = 2000
        memory = 1769
      }
    }
  }
}
