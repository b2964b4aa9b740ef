"""Scripts' way in: the two verbs of the C module's own API, and what goes with them, for Python and for Lua.

    verbs      update, patch, delete, names, get: what any script may say to the proxy it runs in
    here       which proxy that is: the one of this process

Changes go the way of the admin interface's (``control.change``, in a worker by way of ``control.remote``); the map is
only read here.  ``docs/python-api.rst`` is the contract for Python.
"""
