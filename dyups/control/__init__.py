"""The way of a change: from a command to every reader of the map, or to nobody.

    command   Update and Delete as values and as bytes
    lock      one change at a time: hold the lock now, wait in order, or LockHeld
    change    the only write path: check, look up, store, apply, publish
    reading   what a command says
    patch     one server at a time: commands that are applied to what is there
    condition entity tags, and changes that are made only if nobody was faster
    publish   what the other processes are told of a change, and the seam to them
    follow    a worker's reader of what was published
    remote    the same calls in a worker, made by the master

``admin`` and ``script`` come in here; ``persist`` puts the commands on disk, ``upstream`` holds the map.
Nothing here knows HTTP, and nothing here touches a file.
"""
