-- A small cjson: what most scripts use of it, encode and decode, in Lua so that the limits hold for it.
local null = ...
local byte, char, concat, find, format, gsub, match, sub = string.byte, string.char, table.concat, string.find,
    string.format, string.gsub, string.match, string.sub
local error, floor, pairs, pcall, tonumber, type = error, math.floor, pairs, pcall, tonumber, type

local MOST_DEEP = 1000
local cjson = { null = null, _NAME = "cjson", _VERSION = "2.1.0-dyups" }

-- Text ---------------------------------------------------------------------------------------------------------------

local ESCAPES = { ['"'] = '\\"', ["\\"] = "\\\\", ["/"] = "\\/", ["\b"] = "\\b", ["\f"] = "\\f", ["\n"] = "\\n",
    ["\r"] = "\\r", ["\t"] = "\\t" }

local function escaped(c) return ESCAPES[c] or format("\\u%04x", byte(c)) end

local function quoted(text) return '"' .. gsub(text, '[%c"\\/\127]', escaped) .. '"' end

-- How long the array is that a table holds; nil where it is an object.
local function array_length(value)
    local most, count = 0, 0
    for key in pairs(value) do
        if type(key) ~= "number" or key < 1 or key ~= floor(key) then return nil end
        if key > most then most = key end
        count = count + 1
    end
    if count == 0 then return nil end
    if most > 10 and most > count * 2 then error("Cannot serialise table: excessively sparse array", 0) end
    return most
end

local append

local function append_table(out, value, depth)
    if depth > MOST_DEEP then error("Cannot serialise, excessive depth reached (" .. depth .. ")", 0) end
    local length = array_length(value)
    if length then
        out[#out + 1] = "["
        for place = 1, length do
            if place > 1 then out[#out + 1] = "," end
            append(out, value[place], depth)
        end
        out[#out + 1] = "]"
        return
    end
    out[#out + 1] = "{"
    local first = true
    for key, item in pairs(value) do
        if type(key) ~= "string" and type(key) ~= "number" then
            error("Cannot serialise table: table key must be a number or string", 0)
        end
        out[#out + 1] = (first and "" or ",") .. quoted(type(key) == "number" and format("%.14g", key) or key) .. ":"
        append(out, item, depth)
        first = false
    end
    out[#out + 1] = "}"
end

function append(out, value, depth)
    local kind = type(value)
    if kind == "string" then
        out[#out + 1] = quoted(value)
    elseif kind == "number" then
        if value ~= value or value == 1 / 0 or value == -1 / 0 then
            error("Cannot serialise number: must not be NaN or Inf", 0)
        end
        out[#out + 1] = format("%.14g", value)
    elseif kind == "boolean" then
        out[#out + 1] = value and "true" or "false"
    elseif value == nil or value == null then
        out[#out + 1] = "null"
    elseif kind == "table" then
        append_table(out, value, depth + 1)
    else
        error("Cannot serialise " .. kind .. ": type not supported", 0)
    end
end

function cjson.encode(value)
    local out = {}
    append(out, value, 0)
    return concat(out)
end

-- Values -------------------------------------------------------------------------------------------------------------

local function refuse(text, position, expected)
    local found = sub(text, position, position)
    local what = found == "" and "T_END" or "invalid token"
    error(format("Expected %s but found %s at character %d", expected, what, position), 0)
end

local UNESCAPES = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t" }

local function utf8(code)
    if code < 0x80 then return char(code) end
    if code < 0x800 then return char(0xC0 + floor(code / 64), 0x80 + code % 64) end
    if code < 0x10000 then
        return char(0xE0 + floor(code / 4096), 0x80 + floor(code / 64) % 64, 0x80 + code % 64)
    end
    return char(0xF0 + floor(code / 262144), 0x80 + floor(code / 4096) % 64, 0x80 + floor(code / 64) % 64,
        0x80 + code % 64)
end

local function surrogates(high, low)
    high, low = tonumber(high, 16), tonumber(low, 16)
    if high < 0xD800 or high > 0xDBFF or low < 0xDC00 or low > 0xDFFF then return nil end
    return utf8((high - 0xD800) * 1024 + (low - 0xDC00) + 0x10000)
end

local function unicode(text, at)
    local high, low = match(text, "^%x%x%x%x", at), match(text, "^%x%x%x%x\\u(%x%x%x%x)", at)
    if not high then error("Expected value but found invalid unicode escape code at character " .. at, 0) end
    local pair = low and surrogates(high, low)
    if pair then return pair, at + 10 end
    return utf8(tonumber(high, 16)), at + 4
end

local function unquoted(text)
    local out, at = {}, 1
    while true do
        local slash = find(text, "\\", at, true)
        if not slash then
            out[#out + 1] = sub(text, at)
            return concat(out)
        end
        out[#out + 1] = sub(text, at, slash - 1)
        local c = sub(text, slash + 1, slash + 1)
        at = slash + 2
        if c == "u" then
            out[#out + 1], at = unicode(text, at)
        else
            out[#out + 1] = UNESCAPES[c] or c
        end
    end
end

local function read_string(text, position)
    local at = position + 1
    while true do
        local stop = find(text, '["\\%z\1-\31]', at)
        local c = stop and sub(text, stop, stop)
        if c == '"' then return unquoted(sub(text, position + 1, stop - 1)), stop + 1 end
        if c ~= "\\" then refuse(text, stop or #text + 1, "value") end
        at = stop + 2
    end
end

local function skip(text, position) return find(text, "[^ \t\r\n]", position) or #text + 1 end

local read

local function read_array(text, position, depth)
    local result, count = {}, 0
    position = skip(text, position + 1)
    if sub(text, position, position) == "]" then return result, position + 1 end
    while true do
        count = count + 1
        result[count], position = read(text, position, depth)
        position = skip(text, position)
        local c = sub(text, position, position)
        if c == "]" then return result, position + 1 end
        if c ~= "," then refuse(text, position, "comma or array end") end
        position = position + 1
    end
end

local function read_object(text, position, depth)
    local result, key = {}, nil
    position = skip(text, position + 1)
    if sub(text, position, position) == "}" then return result, position + 1 end
    while true do
        position = skip(text, position)
        if sub(text, position, position) ~= '"' then refuse(text, position, "object key string") end
        key, position = read_string(text, position)
        position = skip(text, position)
        if sub(text, position, position) ~= ":" then refuse(text, position, "colon") end
        result[key], position = read(text, position + 1, depth)
        position = skip(text, position)
        local c = sub(text, position, position)
        if c == "}" then return result, position + 1 end
        if c ~= "," then refuse(text, position, "comma or object end") end
        position = position + 1
    end
end

local WORDS = { { "true", true }, { "false", false }, { "null", null } }

function read(text, position, depth)
    if depth > MOST_DEEP then error("Found too many nested data structures (" .. depth .. ")", 0) end
    position = skip(text, position)
    local c = sub(text, position, position)
    if c == '"' then return read_string(text, position) end
    if c == "{" then return read_object(text, position, depth + 1) end
    if c == "[" then return read_array(text, position, depth + 1) end
    local number = match(text, "^-?%d+%.?%d*[eE]?[+-]?%d*", position)
    if number and tonumber(number) then return tonumber(number), position + #number end
    for _, word in pairs(WORDS) do
        if sub(text, position, position + #word[1] - 1) == word[1] then return word[2], position + #word[1] end
    end
    refuse(text, position, "value")
end

function cjson.decode(text)
    if type(text) ~= "string" then error("bad argument #1 to 'decode' (string expected, got " .. type(text) .. ")", 2) end
    local value, position = read(text, 1, 0)
    position = skip(text, position)
    if position <= #text then refuse(text, position, "the end") end
    return value
end

-- cjson.safe: nil and the reason instead of an error.
local function safe(call)
    return function(...)
        local ok, found = pcall(call, ...)
        if ok then return found end
        return nil, found
    end
end

return cjson, { null = null, encode = safe(cjson.encode), decode = safe(cjson.decode) }
