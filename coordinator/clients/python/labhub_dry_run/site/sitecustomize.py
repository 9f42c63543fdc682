"""Read by Python itself at its start, in the sandbox of a dry run alone: from here on time is the twin's."""

import labhub_dry_run

labhub_dry_run.install_from_environment()
