-- ARGV: see finish_step.lua. Answers 'kept' or 'fenced'.
local answer, _, has_news = finish(2)
if has_news then news() end
return answer
