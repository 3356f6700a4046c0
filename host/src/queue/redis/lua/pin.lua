-- ARGV: number, epoch, generation. Answers the generation that the task is pinned to, or '' where the claim is not held.
local number = ARGV[2]
if not held(number, ARGV[3]) then return '' end
call('HSETNX', key_of(number), 'generation', ARGV[4])
return call('HGET', key_of(number), 'generation')
