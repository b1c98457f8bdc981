"""What every program here prints: one line of JSON for each thing that its library told it."""

import json
import sys


def _line(**told):
    print(json.dumps(told), flush=True)


def event(name, id, data):
    """An event, as the library gave it."""
    _line(event=name, id=id, data=data)


def trouble(text):
    """The library said that the connection is lost and that it will come back by itself."""
    _line(trouble=str(text))


def ended(error):
    """The library gave up; what comes now is the program's own doing."""
    _line(ended=f"{type(error).__name__}: {error}" if isinstance(error, BaseException) else str(error))


URL = sys.argv[1] if len(sys.argv) > 1 else ""
