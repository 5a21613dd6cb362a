-- Decides about records, and changes them, in one step that nothing comes between.
--
-- KEYS: the records. ARGV[1]: the rule and the filters of holds as JSON (see spec in script.go). ARGV[1 + i]: which holds cover key i, as
-- numbers with commas. After these, in mode "change", for each key and each field whose replacement the purger computes: what was read, as
-- "=" and the value or "-" for none; and the replacement.
--
-- Returns in mode "count": total, due, held, nullClock, futureClock, early, far, sound. In mode "read": for each due record that is not
-- held its place in KEYS and the values of these fields, false for none. In mode "change": the places of the changed records.
--
-- Instants are microseconds since 1970, exact as doubles until the year 2255. What lies behind needs no exactness.

local KEY = 'key' -- the field that is the key's name
local YEAR1971, YEAR10000 = 31536000000000, 253402300800000000

local spec = cjson.decode(ARGV[1])
local before, slot = tonumber(spec.before), tonumber(spec.slot)
local names, place = {}, {} -- the hash's fields that are read, and where in the answer they are

local function need(name)
  if name ~= KEY and not place[name] then
    names[#names + 1] = name
    place[name] = #names
  end
end

local function prepare(filters)
  for _, f in ipairs(filters) do
    need(f.field)
    f.set = {}
    for _, v in ipairs(f.values or {}) do f.set[v] = true end
  end
end

if spec.unit ~= 'StoreTime' then need(spec.clock) end
prepare(spec.where)
for _, hold in ipairs(spec.holds) do prepare(hold) end
for _, f in ipairs(spec.fields) do need(f.name) end

-- value of a field; false: the record has it not.
local function value(r, name)
  if name == KEY then return r.key end
  return r.values[place[name]]
end

-- matches says whether the record matches all filters. Of a record that is no hash only the key can be read.
local function matches(r, filters, unreadable)
  for _, f in ipairs(filters) do
    local ok = unreadable
    if r.values or f.field == KEY then
      local v = value(r, f.field)
      if f.operator == 'In' then ok = v and f.set[v]
      elseif f.operator == 'NotIn' then ok = v and not f.set[v]
      elseif f.operator == 'Exists' then ok = v
      elseif f.operator == 'DoesNotExist' then ok = not v
      else return unreadable end
    end
    if not ok then return false end
  end
  return true
end

local function held(r, covering)
  for i in string.gmatch(covering, '%d+') do
    if matches(r, spec.holds[tonumber(i)], true) then return true end
  end
  return false
end

-- digits of a fraction as a number of units of 10^-n, rounded down.
local function fraction(digits, n)
  return tonumber(string.sub(digits .. '000000', 1, n))
end

local EPOCH = {EpochSeconds = {1000000, 6}, EpochMilliseconds = {1000, 3}, EpochMicroseconds = {1, 0}}

local function epoch(text)
  local whole, rest = string.match(text, '^(%d+)%.?(%d*)$')
  if not whole then return nil end
  local unit = EPOCH[spec.unit]
  local at = tonumber(whole) * unit[1]
  if unit[2] > 0 then at = at + fraction(rest, unit[2]) end
  if at <= 0 then return nil end
  return at
end

local DAYS = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}

local function rfc3339(text)
  local y, mo, d, h, mi, s, rest = string.match(text, '^(%d%d%d%d)%-(%d%d)%-(%d%d)[Tt](%d%d):(%d%d):(%d%d)(.+)$')
  if not y then return nil end
  local digits, zone = string.match(rest, '^%.(%d+)(.+)$')
  if not digits then digits, zone = '', rest end
  local sign, zh, zm = string.match(zone, '^([+-])(%d%d):(%d%d)$')
  if not sign then
    if zone ~= 'Z' and zone ~= 'z' then return nil end
    sign, zh, zm = '+', 0, 0
  end
  y, mo, d, h, mi, s, zh, zm = tonumber(y), tonumber(mo), tonumber(d), tonumber(h), tonumber(mi), tonumber(s), tonumber(zh), tonumber(zm)
  if mo < 1 or mo > 12 or h > 23 or mi > 59 or s > 60 or zh > 23 or zm > 59 then return nil end
  local leap = mo == 2 and y % 4 == 0 and (y % 100 ~= 0 or y % 400 == 0)
  if d < 1 or d > DAYS[mo] + (leap and 1 or 0) then return nil end
  -- Days since 1970-01-01 in years that begin in March.
  if mo <= 2 then y = y - 1 end
  local era = math.floor(y / 400)
  local inEra = y - era * 400
  local inYear = math.floor((153 * ((mo + 9) % 12) + 2) / 5) + d - 1
  local days = era * 146097 + inEra * 365 + math.floor(inEra / 4) - math.floor(inEra / 100) + inYear - 719468
  local offset = (zh * 60 + zm) * 60
  if sign == '-' then offset = -offset end
  return (((days * 24 + h) * 60 + mi) * 60 + s - offset) * 1000000 + fraction(digits, 6)
end

local now -- the store's clock

-- clock of a record; nil: it says nothing. A last access is rounded up: the store knows whole seconds.
local function clock(r)
  if spec.unit == 'StoreTime' then
    if not now then
      local time = redis.call('TIME')
      now = tonumber(time[1]) * 1000000 + tonumber(time[2])
    end
    local idle = redis.call('OBJECT', 'IDLETIME', r.key)
    return idle and math.min(now, now - (idle - 1) * 1000000)
  end
  local text = r.values and value(r, spec.clock)
  if not text then return nil end
  if spec.unit == 'RFC3339' then return rfc3339(text) end
  return epoch(text)
end

-- behind is the place behind the first n characters of a text in UTF-8.
local function behind(text, n)
  local at = 1
  while n > 0 and at <= #text do
    at = string.find(text, '[^\128-\191]', at + 1) or #text + 1
    n = n - 1
  end
  return at
end

local DATES = {
  Month = {'^%d%d%d%d%-%d%d%-01$', '^%d%d%d%d%-%d%d%-01[Tt]00:00:00'},
  Year = {'^%d%d%d%d%-01%-01$', '^%d%d%d%d%-01%-01[Tt]00:00:00'},
}

-- done says whether a text is a replacement, by strategy: what Pattern of internal/retention/replace.go says.
local done = {
  KeyedHash = function(text)
    return #text == 68 and string.find(text, '^kh1%-[0-9a-f]+$') ~= nil
  end,
  Truncate = function(text, f)
    return behind(text, f.length) > #text
  end,
  CoarsenPostcode = function(text, f)
    return string.find(text, '^[0Xx -]*$', behind(text, f.length)) ~= nil
  end,
  CoarsenDate = function(text, f)
    local day, time = unpack(DATES[f.precision])
    if text == '' or string.find(text, day) then return true end
    local _, last = string.find(text, time)
    local zone = last and string.sub(text, last + 1)
    return zone ~= nil and (string.find(zone, '^[Zz]$') or string.find(zone, '^[+-]%d%d:%d%d$')) ~= nil
  end,
  Fake = function(text, f)
    if f.form == 'Email' then
      return #text == 36 and string.find(text, '^[a-z2-7]+@example%.invalid$') ~= nil
    end
    if string.find(text, '[%z\128-\255]') then return false end
    return string.find(string.sub(string.gsub(text, '%W', ''), 1, 3), '[^9Qq]') == nil
  end,
}

-- pending says whether a field does not hold its replacement yet. A field that is not there holds nothing to replace.
local function pending(r, f)
  local v = value(r, f.name)
  if not v then return false end
  if f.strategy == 'Null' then return true end
  if f.strategy == 'Constant' then return v ~= (f.value or '') end
  return not done[f.strategy](v, f)
end

local function unfinished(r)
  if #spec.fields == 0 then return true end
  if not r.values then return false end
  for _, f in ipairs(spec.fields) do
    if pending(r, f) then return true end
  end
  return false
end

-- read returns the record of a key; nil: there is none.
local function read(key)
  local kind = redis.call('TYPE', key).ok
  if kind == 'none' then return nil end
  local r = {key = key}
  if kind == 'hash' then
    r.values = {}
    if #names > 0 then r.values = redis.call('HMGET', key, unpack(names)) end
  end
  return r
end

-- computed replacements of the record's fields, from what the purger read before; nil: one of them changed since.
local function computed(r, at)
  local found = {}
  for _, f in ipairs(spec.fields) do
    if done[f.strategy] then
      local old, replacement = ARGV[at], ARGV[at + 1]
      at = at + 2
      if pending(r, f) then
        if old ~= '=' .. value(r, f.name) then return nil end
        found[f.name] = replacement
      end
    end
  end
  return found
end

local function change(r, at)
  if spec.action == 'Delete' then
    redis.call('UNLINK', r.key)
    return true
  end
  local found = computed(r, at)
  if not found then return false end
  for _, f in ipairs(spec.fields) do
    if pending(r, f) then
      if f.strategy == 'Null' then redis.call('HDEL', r.key, f.name)
      elseif f.strategy == 'Constant' then redis.call('HSET', r.key, f.name, f.value or '')
      else redis.call('HSET', r.key, f.name, found[f.name]) end
    end
  end
  return true
end

local counts = {0, 0, 0, 0, 0, 0, 0, 0}

local function add(i, yes)
  if yes then counts[i] = counts[i] + 1 end
end

local function count(r, at, isDue, covering)
  add(1, true)
  add(2, isDue)
  add(3, isDue and held(r, covering))
  if not matches(r, spec.where, false) then return end
  add(4, not at)
  if not at then return end
  -- A last access after the slot is no clock that is wrong.
  add(5, spec.unit ~= 'StoreTime' and at > slot)
  add(6, at >= 0 and at < YEAR1971)
  add(7, at >= YEAR10000)
  add(8, at < 0 or (at >= YEAR1971 and at < YEAR10000))
end

local computing = 0
for _, f in ipairs(spec.fields) do
  if done[f.strategy] then computing = computing + 1 end
end

local answer = {}
for i, key in ipairs(KEYS) do
  local r = read(key)
  if r then
    local at = clock(r)
    local due = at and at < before and matches(r, spec.where, false) and unfinished(r)
    local covering = ARGV[1 + i]
    if spec.mode == 'count' then
      count(r, at, due, covering)
    elseif due and not held(r, covering) then
      if spec.mode == 'read' then
        answer[#answer + 1] = i
        for _, f in ipairs(spec.fields) do
          if done[f.strategy] then answer[#answer + 1] = value(r, f.name) end
        end
      elseif change(r, 2 + #KEYS + (i - 1) * 2 * computing) then
        answer[#answer + 1] = i
      end
    end
  end
end
if spec.mode == 'count' then return counts end
return answer
