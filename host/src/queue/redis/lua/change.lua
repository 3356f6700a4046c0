-- ARGV: number, 'retry' | 'cancel' | 'rerun', states in which that can be done (' waiting parked '), and for a rerun: work,
-- checkpoint, generation or ''. Answers '' or, where it cannot be done, the state ('none' where there is no such task).
local number, what, allowed = ARGV[2], ARGV[3], ARGV[4]
local task = key_of(number)
local found = call('HMGET', task, 'state', 'tenant')
local state, tenant = found[1], found[2]
if not state then return 'none' end
if not allowed:find(' ' .. state .. ' ', 1, true) then return state end
if what == 'cancel' then
  if state == 'running' then
    call('HSET', task, 'cancel', '1')
  else
    unready(number, tenant)
    move(number, tenant, state, 'cancelled')
    over(number)
  end
  return ''
end
join(tenant)
call('ZREM', P .. 'ended', number)
call('HDEL', task, 'reason', 'not_before', 'ended_at')
call('HSET', task, 'attempts', '0')
if what == 'rerun' then
  call('HDEL', task, 'begun_at', 'generation')
  call('HSET', task, 'work', ARGV[5], 'checkpoint', ARGV[6], 'enqueued_at', string.format('%d', now))
  if ARGV[7] ~= '' then call('HSET', task, 'generation', ARGV[7]) end
end
move(number, tenant, state, 'waiting')
ready(number, tenant)
news()
return ''
