"""``python app.py`` opens the page; see ``python app.py --help``."""

import sys

from demo.launch import main
from simsid.cli import run_command

if __name__ == "__main__":
    sys.exit(run_command(main))
