-- Says what records look like, and whether they may be changed. KEYS: the records. ARGV[1]: fields and commands as JSON.
--
-- Returns a command that the login may not use on one of the keys, and no more; or "" (always before Redis 7, which cannot tell), then for each key
-- its type and, for a hash whose fields are asked for, a digit for each of them: 1 if it has the field.

local spec = cjson.decode(ARGV[1])
local answer = {''}
for i, key in ipairs(KEYS) do
  for _, command in ipairs(spec.commands) do
    local words = {unpack(command)}
    words[#words + 1] = key
    if redis.acl_check_cmd and not redis.acl_check_cmd(unpack(words)) then return {command[1]} end
  end
  local kind = redis.call('TYPE', key).ok
  if kind == 'hash' and #spec.fields > 0 then
    local values = redis.call('HMGET', key, unpack(spec.fields))
    kind = kind .. ' '
    for f = 1, #spec.fields do kind = kind .. (values[f] and '1' or '0') end
  end
  answer[1 + i] = kind
end
return answer
