-- What every script runs in: what is left of Lua's libraries, the limits, and the coroutines of requests.
--
-- Loaded once per machine by machine.py with the functions that Python offers and the settings; returns the table that
-- ngx.lua builds on and whose functions machine.py calls.  Python is entered by calls that never wait, and never
-- enters Lua again before it has returned: what waits is yielded to machine.py's caller.
local py, settings = ...

local getinfo, sethook, traceback = debug.getinfo, debug.sethook, debug.traceback
local create, resume, yield = coroutine.create, coroutine.resume, coroutine.yield
local running, status, isyieldable = coroutine.running, coroutine.status, coroutine.isyieldable
local clock, collect, error, tostring, type = os.clock, collectgarbage, error, tostring, type
local load, setfenv, setmetatable, unpack, select = load, setfenv, setmetatable, unpack, select
local newproxy, getmetatable, rawget, pcall, xpcall = newproxy, getmetatable, rawget, pcall, xpcall

local base = { ask = nil, key = 0, phase = "init", py = py, getinfo = getinfo, isyieldable = isyieldable }

-- The one value that stands for JSON's and the shared dictionaries' null.
local null = newproxy(true)
getmetatable(null).__tostring = function() return "userdata: NULL" end
getmetatable(null).__metatable = false
base.null = null

-- Limits -----------------------------------------------------------------------------------------------------------

-- Instructions between two looks.  The compiler of LuaJIT leaves the looks out, so it is off while there is a limit.
local PERIOD = 10000
local soft = settings.memory / 1024
local stop, ending = math.huge, nil
local traced

local function too_much()
    if collect("count") <= soft then return false end
    collect("collect")
    return collect("count") > soft
end

-- Ends a script that is over a limit, whatever it catches: from the first time on, at every instruction.
local function watch()
    if not ending then
        if clock() > stop then
            ending = "the script ran longer than lua_max_execution_time"
        elseif too_much() then
            ending = "not enough memory (lua_max_memory)"
        end
        if not ending then return end
        sethook(watch, "", 1)
    end
    if running() and getinfo(2, "f").func ~= traced then base.fail(ending) end
end

-- Calls that catch errors may not be nested without end: each that catches a stack overflow and goes on doubles what
-- is still to be done, at a depth where there is no room for a look.
local MOST_NESTED = 150
local depths = setmetatable({}, { __mode = "k" })

local function caught(co, ...)
    depths[co] = depths[co] - 1
    return ...
end

local function nested(call)
    return function(...)
        local co = running() or base
        local depth = (depths[co] or 0) + 1
        if depth > MOST_NESTED then error("too many nested calls of pcall", 2) end
        depths[co] = depth
        return caught(co, call(...))
    end
end

local function watch_all()
    jit.off()
    jit.flush()
    sethook(watch, "", PERIOD)
    _G.pcall = nested(pcall)
    -- There are no looks within an error handler that is called for an error of a look.
    _G.xpcall = nested(function(f, handler, ...)
        return xpcall(f, function(message)
            if ending then return message end
            return handler(message)
        end, ...)
    end)
end

if settings.limited then watch_all() end

-- Raise an error at the place in the script that called us, however deep within ours we are.
function base.fail(message)
    local level = 2
    while true do
        local info = getinfo(level, "S")
        if not info or (info.what ~= "C" and info.short_src ~= "[ngx]") then break end
        level = level + 1
    end
    error(message, level)
end

local function given(ok, ...)
    if ok then return ... end
    base.fail((...))
end

-- Call a function of Python's.  It needs some memory to answer: machine.py keeps a reserve above the limit.
function base.call(f, ...)
    if too_much() then
        ending = "not enough memory (lua_max_memory)"
        sethook(watch, "", 1)
        error(ending, 0)
    end
    return given(f(...))
end

-- Coroutines -------------------------------------------------------------------------------------------------------

local WAIT = {} -- yielded first by whoever waits: it goes up to step(), through coroutines of the script's own
local WAITING = { content = true, rewrite = true, access = true, timer = true }
local threads = {}

function base.may_wait() return WAITING[base.phase] end

-- Wait for something that Python does: its name and arguments.  What came of it.
function base.wait(...)
    if not WAITING[base.phase] then
        base.fail("API disabled in the context of " .. base.phase .. "_by_lua*")
    end
    return yield(WAIT, ...)
end

local function passed(co, ok, first, ...)
    if ok and first == WAIT then return passed(co, resume(co, yield(WAIT, ...))) end
    return ok, first, ...
end

local function raised(ok, ...)
    if ok then return ... end
    error((...), 0)
end

function coroutine.resume(co, ...) return passed(co, resume(co, ...)) end

function coroutine.wrap(f)
    local co = create(f)
    return function(...) return raised(passed(co, resume(co, ...))) end
end

local function described(message)
    if type(message) == "string" then return message end
    local meta = type(message) == "table" and getmetatable(message)
    if type(meta) == "table" and rawget(meta, "__tostring") then return tostring(message) end
    return "unknown reason"
end

-- The message with the frames of the script, without ours.
local function with_trace(message, trace)
    trace = trace:gsub("^\n?stack traceback:", ""):gsub("\n\t%[ngx%][^\n]*", ""):gsub("\n\t%[builtin#%d+%]: at 0x%x+$", "")
    return described(message) .. "\nstack traceback:\ncoroutine 0:" .. trace
end

-- Called where an error is raised: only there its place is still known.
function traced(message) return with_trace(message, traceback("", 2)) end

local function outcome(id, co, ok, first, ...)
    if ok and status(co) ~= "dead" then
        if first == WAIT then return ... end
        threads[id] = nil
        return "error", "attempt to yield across the entry thread"
    end
    threads[id] = nil
    if not ok then return "error", with_trace(first, traceback(co, "", 0)) end
    if not first then return "error", type((...)) == "string" and (...) or described((...)) end
    return "done", ...
end

local function left(ask, key, phase, ...)
    base.ask, base.key, base.phase = ask, key, phase
    stop = math.huge
    if ending then
        ending = nil
        sethook(watch, "", PERIOD)
    end
    return ...
end

-- Go on with a thread: what it waits for, with its arguments; or "done", what it returned; or "error", why.
function base.step(id, ask, key, phase, ...)
    local co = threads[id]
    local ask_before, key_before, phase_before = base.ask, base.key, base.phase
    base.ask, base.key, base.phase = ask, key, phase
    if settings.seconds > 0 then stop = clock() + settings.seconds end
    return left(ask_before, key_before, phase_before, outcome(id, co, resume(co, ...)))
end

function base.drop(id) threads[id] = nil end

-- Code -------------------------------------------------------------------------------------------------------------

-- What makes a script's function anew for each request; nil and the reason where the text is not Lua.
function base.compile(text, name)
    return load("return function(...) " .. text .. "\nend", name, "t", _G)
end

-- A thread for a script, with globals of its own, which end with it; only those of init_by_lua are everybody's.
function base.begin(id, factory, shared)
    local env = _G
    if not shared then
        env = setmetatable({}, { __index = _G })
        env._G = env
    end
    local script = setfenv(factory(), env)
    threads[id] = create(function(...)
        setfenv(0, env)
        return xpcall(script, traced, ...)
    end)
end

-- A thread for a function that a script left behind (ngx.timer.at).
function base.begin_call(id, call, ...)
    local count, values = select("#", ...), { ... }
    threads[id] = create(function() return xpcall(call, traced, unpack(values, 1, count)) end)
end

-- What is left of the libraries ------------------------------------------------------------------------------------

local function keep_only(library, names)
    local kept = {}
    for name in names:gmatch("%S+") do kept[name] = library[name] end
    for name in pairs(library) do
        if kept[name] == nil then library[name] = nil end
    end
end

local function search(name)
    local path, tried = settings.unsafe and package.path or settings.path, {}
    for place in path:gmatch("[^;]+") do
        local file = place:gsub("%?", (name:gsub("%.", "/"):gsub("%%", "%%%%")))
        local text = base.call(py.read_module, file)
        if text then
            local chunk, reason = load(text, "@" .. file, "t", _G)
            if not chunk then error("error loading module '" .. name .. "' from file '" .. file .. "':\n\t" .. reason, 0) end
            return chunk
        end
        tried[#tried + 1] = "\n\tno file '" .. file .. "'"
    end
    return table.concat(tried)
end

local function confine()
    -- Bytecode is not checked: it could do anything.
    _G.load = function(chunk, name, mode, env)
        if env == nil then return load(chunk, name, "t") end
        return load(chunk, name, "t", env)
    end
    _G.loadstring = function(chunk, name) return load(chunk, name, "t") end
    keep_only(_G, [[_G _VERSION assert collectgarbage coroutine error getfenv getmetatable ipairs load loadstring math
        bit module next package pairs pcall print rawequal rawget rawset rawlen require select setfenv setmetatable
        string table tonumber tostring type unpack xpcall os debug jit]])
    keep_only(os, "clock date difftime time")
    keep_only(debug, "traceback")
    keep_only(jit, "arch os version version_num")
    keep_only(string, "byte char find format gmatch gsub len lower match rep reverse sub upper")
    keep_only(package, "config loaded loaders path preload seeall")
    keep_only(package.loaded, "_G bit coroutine debug jit math os package string table table.new table.clear")
    keep_only(package.preload, "table.new table.clear")
    _G.collectgarbage = function(what)
        if what == "count" then return collect("count") end
        if what == nil or what == "collect" or what == "step" then return collect("collect") end
        error("collectgarbage: only count and collect are for scripts", 2)
    end
    package.loaders = { package.loaders[1], search }
    getmetatable("").__metatable = false
end

if settings.unsafe then
    table.insert(package.loaders, 2, search)
else
    confine()
end
package.path = settings.path

return base
