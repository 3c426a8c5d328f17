"""``python -m app``: see ``app.cli``, and ``app.serve_cli`` for what starts servers."""

import gc
import sys

if __name__ == "__main__":
    gc.disable()  # nothing that is made by imports is garbage; ``running.run`` turns it on again

    if sys.argv[1:2] in (["serve"], ["work"]):
        from app.serve_cli import app
    else:
        from app.cli import app

    app()
