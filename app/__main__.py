"""``python -m app``: see ``app.cli``."""

import gc

if __name__ == "__main__":
    gc.disable()  # nothing that is made by imports is garbage; ``terminal.run`` turns it on again

    from app.cli import main

    main()
