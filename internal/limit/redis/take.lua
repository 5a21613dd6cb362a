-- Adds what is owed to every rolling window, then counts events (0 or 1) in all of them, or in none if one of them is full. The time is
-- the server's.
-- KEYS: the generation, then one hash a window: number of a slot -> events in it.
-- ARGV: a proposal for the generation, its life in ms, the slots of a window, the events, then limit, slot length in ms and what is owed of each.
-- Answers: index of the refusing window for which the wait is longest (-1: none), the wait in ms, the generation.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local generation = redis.call('GET', KEYS[1])
if not generation then
  generation = ARGV[1]
end

local slots, events = tonumber(ARGV[3]), tonumber(ARGV[4])
local refused, wait = -1, 0
local newest, over = {}, {}
for i = 2, #KEYS do
  local limit, length, owed = tonumber(ARGV[3 * i - 1]), tonumber(ARGV[3 * i]), tonumber(ARGV[3 * i + 1])
  local latest = math.floor(now / length)
  local fields = redis.call('HGETALL', KEYS[i])
  local counts, total = {}, 0
  over[i] = {}
  for j = 1, #fields, 2 do -- a clock that goes back stays in the newest slot, unless that is a window or more ahead
    local slot = tonumber(fields[j])
    if slot > latest and slot <= latest + slots then latest = slot end
  end
  for j = 1, #fields, 2 do
    local slot, count = tonumber(fields[j]), tonumber(fields[j + 1])
    if slot < latest - slots or slot > latest then
      table.insert(over[i], fields[j])
    else
      table.insert(counts, { slot, count })
      total = total + count
    end
  end
  newest[i] = latest
  if owed > 0 then
    redis.call('HINCRBY', KEYS[i], latest, owed)
    redis.call('PEXPIRE', KEYS[i], (slots + 2) * length)
    table.insert(counts, { latest, owed })
    total = total + owed
  end
  if events > 0 and total >= limit then
    table.sort(counts, function(a, b) return a[1] < b[1] end)
    local free = 0
    for _, c in ipairs(counts) do
      total = total - c[2]
      if total < limit then
        free = (c[1] + slots + 1) * length - now
        break
      end
    end
    if free > wait then refused, wait = i - 2, free end
  end
end

redis.call('SET', KEYS[1], generation, 'PX', ARGV[2])
if refused >= 0 or events == 0 then
  return { refused, wait, generation }
end
for i = 2, #KEYS do
  if #over[i] > 0 then redis.call('HDEL', KEYS[i], unpack(over[i])) end
  redis.call('HINCRBY', KEYS[i], newest[i], 1)
  redis.call('PEXPIRE', KEYS[i], (slots + 2) * tonumber(ARGV[3 * i]))
end
return { -1, 0, generation }
