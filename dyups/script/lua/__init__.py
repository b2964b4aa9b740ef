"""Lua for requests, on lupa's LuaJIT: ``content_by_lua`` and its siblings, ``require "ngx.dyups"``.

    check      whether the scripts of a configuration can run at all
    scripts    the scripts of a worker: the machine they run in, the code, what runs when the worker starts
    machine    one LuaJIT: its limits, its threads (base.lua, ngx.lua, more.lua and cjson.lua run in it)
    run        one script under way: what it waits for, how it ends
    asked      the request as a script sees it
    output     what a script answers
    serving    scripts as contents and phases of a location
    texts      functions of ngx that need no request: digests, escapes, times
    patterns   ngx.re on Python's regular expressions
    dicts      ngx.shared

A script runs as a coroutine.  Whatever waits is yielded up to ``run``, so a script that waits never stops the worker,
and Python never enters Lua while Lua is waiting for Python.  lupa is imported only where a directive asks for Lua.
``docs/lua.rst`` is the contract.
"""
