-- ARGV: tenant, weight, concurrent.
call('HSET', P .. 'share:' .. ARGV[2], 'weight', ARGV[3], 'concurrent', ARGV[4])
place(ARGV[2])
news()
return ''
