-- What hangs on ngx beside the request: regular expressions, shared dictionaries, upstreams, JSON.
local base, ngx, cjson, safe_cjson = ...
local py, call, wait, fail, null = base.py, base.call, base.wait, base.fail, base.null
local concat, select, tostring, type, unpack = table.concat, select, tostring, type, unpack
local loaded = package.loaded

-- ngx.re -------------------------------------------------------------------------------------------------------------

local re = ngx.re

-- from, to, number of groups, groups (false where one took no part), name, group, name, group … to captures.
local function captures(into, from, to, groups, ...)
    local result = into or {}
    for place = 0, groups do result[place] = (select(place + 1, ...)) end
    for place = groups + 2, select("#", ...), 2 do
        local name, group = select(place, ...)
        result[name] = result[group]
    end
    return result, from, to
end

local function search(subject, regex, options, start)
    return call(py.re_match, tostring(subject), tostring(regex), options or "", start or 1)
end

-- A match, or nil; and the reason where the expression is wrong (then the first is false).
local function matched(into, from, ...)
    if from == nil then return nil end
    if from == false then return nil, nil, nil, (...) end
    return captures(into, from, ...)
end

function re.match(subject, regex, options, ctx, into)
    local found, _, to, reason = matched(into, search(subject, regex, options, ctx and ctx.pos))
    if reason then return nil, reason end
    if found and ctx then ctx.pos = to + 1 end
    return found
end

function re.find(subject, regex, options, ctx, nth)
    local found = { search(subject, regex, options, ctx and ctx.pos) }
    if found[1] == nil then return nil end
    if found[1] == false then return nil, nil, found[2] end
    if ctx then ctx.pos = found[2] + 1 end
    if not nth or nth == 0 then return found[1], found[2] end
    return call(py.re_group, tostring(subject), tostring(regex), options or "", found[1], nth)
end

function re.gmatch(subject, regex, options)
    subject = tostring(subject)
    local reason = select(2, search("", regex, options))
    if search("", regex, options) == false then return nil, reason end
    local at = 1
    return function()
        if at > #subject + 1 then return nil end
        local found, from, to = matched(nil, search(subject, regex, options, at))
        if not found then
            at = #subject + 2
            return nil
        end
        at = to < from and from + 1 or to + 1
        return found
    end
end

local function filled(template, found)
    return (template:gsub("%$(%$?)({?)(%d*)(}?)", function(dollar, open, digits, close)
        if dollar ~= "" then return "$" .. open .. digits .. close end
        if digits == "" then fail("failed to compile the replacement template") end
        return (found[tonumber(digits)] or "") .. (open == "" and close or "")
    end))
end

local function replace(subject, regex, by, options, all)
    subject = tostring(subject)
    local out, at, count = {}, 1, 0
    while at <= #subject + 1 do
        local found, from, to, reason = matched(nil, search(subject, regex, options, at))
        if reason then return nil, nil, reason end
        if not found then break end
        count = count + 1
        local new = type(by) == "function" and by(found) or type(by) ~= "function" and filled(tostring(by), found)
        out[#out + 1] = subject:sub(at, from - 1) .. tostring(new)
        at = to + 1
        if to < from then
            out[#out + 1] = subject:sub(from, from)
            at = from + 1
        end
        if not all then break end
    end
    out[#out + 1] = subject:sub(at)
    return concat(out), count
end

function re.sub(subject, regex, by, options) return replace(subject, regex, by, options, false) end

function re.gsub(subject, regex, by, options) return replace(subject, regex, by, options, true) end

-- ngx.shared ---------------------------------------------------------------------------------------------------------

local function key_of(key)
    if key == nil then return nil, "nil key" end
    key = tostring(key)
    if key == "" then return nil, "empty key" end
    if #key > 65535 then return nil, "key too long" end
    return key
end

local function dictionary(name)
    local dict = {}
    local function with_key(f)
        return function(_, key, ...)
            local good, reason = key_of(key)
            if not good then return nil, reason end
            return call(f, name, good, ...)
        end
    end
    local function store(how)
        return function(_, key, value, expires, flags)
            local good, reason = key_of(key)
            if not good then return false, reason, false end
            local kind = type(value)
            if kind ~= "string" and kind ~= "number" and kind ~= "boolean" and value ~= nil then
                return nil, "bad value type"
            end
            return call(py.dict_store, name, how, good, value, expires or 0, flags or 0)
        end
    end
    dict.get, dict.get_stale = with_key(py.dict_get), with_key(py.dict_get_stale)
    dict.delete, dict.ttl, dict.expire = with_key(py.dict_delete), with_key(py.dict_ttl), with_key(py.dict_expire)
    dict.set, dict.add, dict.replace = store("set"), store("add"), store("replace")
    dict.safe_set, dict.safe_add = store("safe_set"), store("safe_add")
    local incr = with_key(py.dict_incr)
    function dict.incr(self, key, by, init, init_ttl)
        if type(by) ~= "number" then fail("bad argument #2 to 'incr' (number expected)") end
        return incr(self, key, by, init, init_ttl or 0)
    end
    function dict.flush_all() call(py.dict_flush_all, name) end
    function dict.flush_expired(_, most) return call(py.dict_flush_expired, name, most or 0) end
    function dict.get_keys(_, most) return { call(py.dict_keys, name, most or 1024) } end
    function dict.capacity() return (call(py.dict_room, name)) end
    function dict.free_space() return (select(2, call(py.dict_room, name))) end
    return dict
end

for name in py.dict_names:gmatch("%S+") do ngx.shared[name] = dictionary(name) end

-- ngx.dyups ----------------------------------------------------------------------------------------------------------

local dyups = {}

local function argument(value, place, name)
    if type(value) == "string" then return value end
    if type(value) == "number" then return tostring(value) end
    fail("bad argument #" .. place .. " to '" .. name .. "' (string expected, got "
        .. (value == nil and "no value" or type(value)) .. ")")
end

function dyups.update(name, body) return wait("update", argument(name, 1, "update"), argument(body, 2, "update")) end

function dyups.patch(name, body) return wait("patch", argument(name, 1, "patch"), argument(body, 2, "patch")) end

function dyups.delete(name) return wait("delete", argument(name, 1, "delete")) end

function dyups.list() return { call(py.upstreams) } end

function dyups.get(name) return call(py.upstream, argument(name, 1, "get")) end

loaded["ngx"] = ngx
loaded["ngx.dyups"] = dyups
loaded["ngx.re"] = re
loaded["cjson"], loaded["cjson.safe"] = cjson, safe_cjson
_G.ngx = ngx
_G.ndk = nil

return null
