-- The table ngx of lua-nginx-module: for each function what Python does, in Lua's types.
local base = ...
local py, call, wait, fail, null = base.py, base.call, base.wait, base.fail, base.null
local concat, format, select, tostring, tonumber, type = table.concat, string.format, select, tostring, tonumber, type
local pairs, ipairs, rawset, setmetatable, sub = pairs, ipairs, rawset, setmetatable, string.sub

local ngx = { null = null, OK = 0, ERROR = -1, AGAIN = -2, DONE = -4, DECLINED = -5, req = {}, re = {}, worker = {},
    timer = {}, shared = {}, config = { subsystem = "http", debug = false, nginx_version = 1031003,
    ngx_lua_version = 10029 } }
ngx.config.prefix = function() return py.prefix end
ngx.config.nginx_configure = function() return "" end

for name, value in ([[STDERR=0 EMERG=1 ALERT=2 CRIT=3 ERR=4 WARN=5 NOTICE=6 INFO=7 DEBUG=8
    HTTP_CONTINUE=100 HTTP_SWITCHING_PROTOCOLS=101 HTTP_OK=200 HTTP_CREATED=201 HTTP_ACCEPTED=202 HTTP_NO_CONTENT=204
    HTTP_PARTIAL_CONTENT=206 HTTP_SPECIAL_RESPONSE=300 HTTP_MOVED_PERMANENTLY=301 HTTP_MOVED_TEMPORARILY=302
    HTTP_SEE_OTHER=303 HTTP_NOT_MODIFIED=304 HTTP_TEMPORARY_REDIRECT=307 HTTP_PERMANENT_REDIRECT=308
    HTTP_BAD_REQUEST=400 HTTP_UNAUTHORIZED=401 HTTP_PAYMENT_REQUIRED=402 HTTP_FORBIDDEN=403 HTTP_NOT_FOUND=404
    HTTP_NOT_ALLOWED=405 HTTP_NOT_ACCEPTABLE=406 HTTP_REQUEST_TIMEOUT=408 HTTP_CONFLICT=409 HTTP_GONE=410
    HTTP_UPGRADE_REQUIRED=426 HTTP_TOO_MANY_REQUESTS=429 HTTP_CLOSE=444 HTTP_ILLEGAL=451
    HTTP_INTERNAL_SERVER_ERROR=500 HTTP_METHOD_NOT_IMPLEMENTED=501 HTTP_BAD_GATEWAY=502 HTTP_SERVICE_UNAVAILABLE=503
    HTTP_GATEWAY_TIMEOUT=504 HTTP_VERSION_NOT_SUPPORTED=505 HTTP_INSUFFICIENT_STORAGE=507
    HTTP_GET=2 HTTP_HEAD=4 HTTP_POST=8 HTTP_PUT=16 HTTP_DELETE=32 HTTP_MKCOL=64 HTTP_COPY=128 HTTP_MOVE=256
    HTTP_OPTIONS=512 HTTP_PROPFIND=1024 HTTP_PROPPATCH=2048 HTTP_LOCK=4096 HTTP_UNLOCK=8192 HTTP_PATCH=16384
    HTTP_TRACE=32768]]):gmatch("([A-Z_]+)=(%d+)") do ngx[name] = tonumber(value) end

-- The request under way; an error where there is none.
local function asked()
    local ask = base.ask
    if not ask then fail("no request found") end
    return ask
end

local function text(value, name, place)
    local kind = type(value)
    if kind == "string" then return value end
    if kind == "number" then return tostring(value) end
    fail(format("bad argument #%d to '%s' (string expected, got %s)", place or 1, name, value == nil and "nil" or kind))
end

local function number(value, name, place)
    local found = tonumber(value)
    if found and found - found == 0 then return found end
    if found then fail(format("bad argument #%d to '%s' (finite number expected)", place or 1, name)) end
    fail(format("bad argument #%d to '%s' (number expected, got %s)", place or 1, name, type(value)))
end

-- name1, value1, name2, value2 … to a table; a name that comes again has a list.
local function gathered(...)
    local result = {}
    for place = 1, select("#", ...), 2 do
        local name, value = select(place, ...)
        local before = result[name]
        if before == nil then
            result[name] = value
        elseif type(before) == "table" then
            before[#before + 1] = value
        else
            result[name] = { before, value }
        end
    end
    return result
end

-- Output -----------------------------------------------------------------------------------------------------------

local function append(out, value, name)
    local kind = type(value)
    if kind == "string" then
        out[#out + 1] = value
    elseif kind == "table" then
        for _, item in ipairs(value) do append(out, item, name) end
    elseif value == null then
        out[#out + 1] = "null"
    elseif kind == "number" or kind == "boolean" or kind == "nil" then
        out[#out + 1] = tostring(value)
    else
        fail(format("bad argument to '%s' (string, number, boolean, nil, ngx.null, or array table expected, got %s)",
            name, kind))
    end
end

local function joined(name, ...)
    if select("#", ...) == 1 and type((...)) == "string" then return (...) end
    local out = {}
    for place = 1, select("#", ...) do append(out, (select(place, ...)), name) end
    return concat(out)
end

local function put(data)
    local full, reason = call(py.print, asked(), data)
    if reason then return nil, reason end
    if full and base.may_wait() and base.isyieldable() then wait("flush") end
    return 1
end

function ngx.print(...) return put(joined("print", ...)) end

function ngx.say(...) return put(joined("say", ...) .. "\n") end

function ngx.flush(waits)
    asked()
    local reason = wait("flush", waits and true or false)
    if reason then return nil, reason end
    return 1
end

function ngx.eof()
    asked()
    wait("eof")
    return 1
end

function ngx.send_headers()
    asked()
    wait("flush", false)
    return 1
end

ngx.header = setmetatable({}, {
    __index = function(_, name)
        local value = gathered(call(py.header_get, asked(), text(name, "header")))
        return value.v
    end,
    __newindex = function(_, name, value)
        local values = {}
        if type(value) == "table" then
            for place, item in ipairs(value) do values[place] = text(item, "header", 2) end
        elseif value ~= nil then
            values[1] = text(value, "header", 2)
        end
        call(py.header_set, asked(), text(name, "header"), unpack(values))
    end,
})

ngx.resp = { get_headers = function() return gathered(call(py.headers_out, asked())) end }

-- Ends ---------------------------------------------------------------------------------------------------------------

function ngx.exit(status)
    asked()
    return wait("exit", number(status, "exit"))
end

function ngx.exec(uri, args)
    asked()
    if type(args) == "table" then args = ngx.encode_args(args) end
    return wait("exec", text(uri, "exec"), args and text(args, "exec", 2))
end

function ngx.redirect(uri, status)
    asked()
    status = status or 302
    if status ~= 301 and status ~= 302 and status ~= 303 and status ~= 307 and status ~= 308 then
        fail("only ngx.HTTP_MOVED_TEMPORARILY, ngx.HTTP_MOVED_PERMANENTLY, ngx.HTTP_PERMANENT_REDIRECT, "
            .. "ngx.HTTP_SEE_OTHER, and ngx.HTTP_TEMPORARY_REDIRECT are allowed")
    end
    return wait("redirect", text(uri, "redirect"), status)
end

function ngx.on_abort() return nil, "lua_check_client_abort is off" end

-- The request --------------------------------------------------------------------------------------------------------

local req = ngx.req

function req.get_method() return call(py.method, asked()) end
function req.http_version() return call(py.http_version, asked()) end
function req.raw_header(no_line) return call(py.raw_header, asked(), no_line and true or false) end
function req.start_time() return call(py.start_time, asked()) end
function req.is_internal() return call(py.is_internal, asked()) end

-- Names of fields are looked up as they are, in lower case, and with "_" for "-".
local FIELDS = { __index = function(fields, name)
    if type(name) ~= "string" then return nil end
    return rawget(fields, (name:lower():gsub("_", "-")))
end }

function req.get_headers(most, raw)
    local fields = gathered(call(py.fields, asked(), most or 100, raw and true or false))
    return raw and fields or setmetatable(fields, FIELDS)
end

local function set_field(name, value)
    if type(value) ~= "table" then value = { value } end
    local values = {}
    for place, item in ipairs(value) do values[place] = text(item, "set_header", 2) end
    call(py.set_field, asked(), text(name, "set_header"), unpack(values))
end

function req.set_header(name, value)
    if value == nil then fail("bad argument #2 to 'set_header' (string, number, or table expected, got nil)") end
    set_field(name, value)
end

function req.clear_header(name) call(py.set_field, asked(), text(name, "clear_header")) end

local METHODS = {}
for name in ("GET HEAD POST PUT DELETE MKCOL COPY MOVE OPTIONS PROPFIND PROPPATCH LOCK UNLOCK PATCH TRACE"):gmatch("%u+") do
    METHODS[ngx["HTTP_" .. name]] = name
end

function req.set_method(method)
    local name = METHODS[method]
    if not name then fail("unsupported HTTP method: " .. tostring(method)) end
    call(py.set_method, asked(), name)
end

function req.get_uri_args(most) return gathered(call(py.uri_args, asked(), most or 100)) end

function req.get_post_args(most) return gathered(call(py.post_args, asked(), most or 100)) end

function req.set_uri(uri, jump)
    uri = text(uri, "set_uri")
    if uri == "" then fail("attempt to use zero-length uri") end
    if jump and base.phase ~= "rewrite" then fail("API disabled in the context of " .. base.phase .. "_by_lua*") end
    call(py.set_uri, asked(), uri)
    if jump then return wait("jump") end
end

function req.set_uri_args(args)
    if type(args) == "table" then args = ngx.encode_args(args) end
    call(py.set_uri_args, asked(), text(args, "set_uri_args"))
end

function req.read_body()
    if not call(py.body_read, asked()) then wait("body") end
end

function req.discard_body() asked() end
function req.get_body_data() return call(py.body, asked()) end
function req.get_body_file() return nil end

-- Variables, and what goes with a request ------------------------------------------------------------------------------

ngx.var = setmetatable({}, {
    __index = function(_, name) return call(py.variable, asked(), text(name, "var")) end,
    __newindex = function(_, name, value)
        call(py.set_variable, asked(), text(name, "var"), value ~= nil and text(value, "var", 2) or "")
    end,
})

local contexts, none = {}, {}

local function context()
    asked()
    local key = base.key
    local found = contexts[key]
    if not found then
        found = {}
        contexts[key] = found
    end
    return found
end

-- A request is over.
function base.forget(key) contexts[key] = nil end

local READ = {
    status = function() return call(py.status, asked()) end,
    headers_sent = function() return call(py.headers_sent, asked()) end,
    ctx = context,
    is_subrequest = function()
        asked()
        return false
    end,
}

setmetatable(ngx, {
    __index = function(_, name)
        local read = READ[name]
        return read and read() or nil
    end,
    __newindex = function(_, name, value)
        if name == "status" then
            call(py.set_status, asked(), number(value, "status"))
        elseif name == "ctx" then
            asked()
            contexts[base.key] = value
        else
            rawset(ngx, name, value)
        end
    end,
})

function ngx.get_phase() return base.phase end

-- The log ------------------------------------------------------------------------------------------------------------

-- Where in the script we were called from.
local function place()
    local level = 2
    while true do
        local info = base.getinfo(level, "Sl")
        if not info then return "" end
        if info.what ~= "C" and info.short_src ~= "[ngx]" then
            return info.short_src .. ":" .. info.currentline .. ": "
        end
        level = level + 1
    end
end

function ngx.log(level, ...)
    level = number(level, "log")
    if level < 0 or level > 8 then fail("bad argument #1 to 'log' (bad log level)") end
    local out = {}
    for at = 1, select("#", ...) do
        local value = select(at, ...)
        out[at] = type(value) == "table" and not getmetatable(value) and fail("bad argument #" .. at + 1
            .. " to 'log' (expected table to have __tostring metamethod)") or value == null and "null" or tostring(value)
    end
    call(py.log, base.ask, level, place() .. concat(out))
end

function print(...) ngx.log(ngx.NOTICE, ...) end

-- Waiting ------------------------------------------------------------------------------------------------------------

function ngx.sleep(seconds)
    seconds = number(seconds, "sleep")
    if seconds < 0 then fail("invalid sleep duration \"" .. seconds .. "\"") end
    wait("sleep", seconds)
end

local calls, last = {}, 0

local function begin_timer(delay, again, f, ...)
    if type(f) ~= "function" then fail("bad argument #2 to 'timer' (function expected)") end
    local reason = call(py.timer, last + 1, number(delay, "timer"))
    if reason then return nil, reason end
    last = last + 1
    calls[last] = { f = f, again = again, delay = delay, count = select("#", ...), ... }
    return true
end

function ngx.timer.at(delay, f, ...) return begin_timer(delay, false, f, ...) end

function ngx.timer.every(delay, f, ...) return begin_timer(delay, true, f, ...) end

-- A timer has come; its function runs as thread id.
function base.begin_timer(id, timer, premature)
    local found = calls[timer]
    calls[timer] = nil
    base.begin_call(id, found.f, premature, unpack(found, 1, found.count))
    if found.again and not premature then
        last = last + 1
        calls[last] = found
        return last, found.delay
    end
    return 0, 0
end

-- Texts, digests, times ------------------------------------------------------------------------------------------------

for _, name in ipairs { "escape_uri", "unescape_uri", "encode_base64", "decode_base64", "md5", "md5_bin", "sha1_bin",
    "crc32_short", "crc32_long", "quote_sql_str", "parse_http_time", "http_time", "cookie_time" } do
    local f = py[name]
    ngx[name] = function(value, ...) return call(f, text(value, name), ...) end
end
for _, name in ipairs { "now", "time", "today", "localtime", "utctime" } do
    local f = py[name]
    ngx[name] = function() return call(f) end
end
function ngx.update_time() end
function ngx.hmac_sha1(key, value) return call(py.hmac_sha1, text(key, "hmac_sha1"), text(value, "hmac_sha1", 2)) end

function ngx.encode_args(args)
    if type(args) ~= "table" then fail("bad argument #1 to 'encode_args' (table expected, got " .. type(args) .. ")") end
    local out = {}
    local function add(name, value)
        name = ngx.escape_uri(tostring(name))
        if value == true then
            out[#out + 1] = name
        elseif type(value) == "table" then
            for _, item in ipairs(value) do add(name, item) end
        elseif value ~= false then
            out[#out + 1] = name .. "=" .. ngx.escape_uri(text(value, "encode_args"))
        end
    end
    for name, value in pairs(args) do add(name, value) end
    return concat(out, "&")
end

function ngx.decode_args(args, most) return gathered(call(py.decode_args, text(args, "decode_args"), most or 100)) end

function ngx.worker.pid() return call(py.worker_pid) end
function ngx.worker.id() return call(py.worker_id) end
function ngx.worker.count() return call(py.worker_count) end
function ngx.worker.exiting() return call(py.worker_exiting) end

return ngx
