import sys

from simsid.cli import run_command
from simsid.score.command import main

if __name__ == "__main__":
    sys.exit(run_command(main))
