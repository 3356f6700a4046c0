-- ARGV, and what is answered: see claim_step.lua.
return (claim(2))
