-- The end of a claim and the next one, in one step.
-- ARGV: host, lease, token, again (see claim_step.lua), then the end (see finish_step.lua).
-- Answers 'kept' or 'fenced', then what a claim answers; where the end is fenced nothing is claimed.
local answer, tenant, has_news, of_this_tenant = finish(6)
if answer ~= 'kept' then return { answer, '-1', '', {} } end
local claimed, claimed_of = claim(2)
-- A place that is taken again at once is no news to anybody.
if has_news and not (of_this_tenant and claimed_of == tenant) then news() end
return { answer, claimed[1], claimed[2], claimed[3] }
