-- The functions that Lua 5.4 and LuaJIT have under different names.

local compat = {}

--- Give the elements of a list as separate values, as `table.unpack` of Lua 5.4 does.
---@type fun(list: any[], first: integer?, last: integer?): ...
compat.unpack = table.unpack or unpack -- luacheck: ignore (5.4 has the first, LuaJIT the second)

return compat
