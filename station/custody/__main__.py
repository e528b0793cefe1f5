"""`python -m station.custody`: see `command`."""

import sys

from station.custody.command import main

sys.exit(main())
