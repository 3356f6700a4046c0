-- ARGV: number, epoch, checkpoint. Answers 'kept' or 'fenced'.
if not held(ARGV[2], ARGV[3]) then return 'fenced' end
call('HSET', key_of(ARGV[2]), 'checkpoint', ARGV[4])
return 'kept'
