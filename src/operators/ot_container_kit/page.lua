local function command(...)
  local parts = {...}
  for at, part in ipairs(parts) do parts[at] = '$' .. #part .. '\r\n' .. part .. '\r\n' end
  return '*' .. #parts .. '\r\n' .. table.concat(parts)
end
local page = redis.call('SCAN', ARGV[2], 'COUNT', 500)
local restores = {command('SELECT', ARGV[1])}
for _, key in ipairs(page[2]) do
  local value, left = redis.call('DUMP', key), redis.call('PTTL', key)
  if value then table.insert(restores, command('RESTORE', key, tostring(math.max(left, 0)), value, 'REPLACE')) end
end
redis.call('SELECT', 16)
redis.call('SET', 'cursor', page[1])
return table.concat(restores)
