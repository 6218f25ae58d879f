-- HTML: the frame of every page, and the escaping of texts.

local tables = require "commerce.base.tables"

local html = {}

local ESCAPES = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;",
  ["'"] = "&#39;" }

--- Escape a text for HTML, between tags or in a quoted attribute.
---@param text any
---@return string
function html.escape(text)
  return (tostring(text):gsub("[&<>\"']", ESCAPES))
end

--- The style of every page: readable on a phone, in light or dark as the reader's system prefers.
html.STYLE = [[
:root{color-scheme:light dark}
body{font:1.0625rem/1.5 system-ui,sans-serif;margin:0 auto;max-width:34rem;padding:1.5rem}
h1{font-size:1.5rem;line-height:1.25;overflow-wrap:anywhere}
h2{font-size:1.125rem}
ul{padding-left:1.25rem}
label{display:block;font-weight:600}
input{background:none;border:1px solid currentColor;border-radius:.5rem;box-sizing:border-box;
color:inherit;font:inherit;min-height:3rem;padding:.75rem 1rem;width:100%}
button,.button{background:#4f46c8;border:0;border-radius:.5rem;box-sizing:border-box;color:#fff;
cursor:pointer;display:block;font:inherit;font-weight:600;margin:.75rem 0;min-height:3rem;
padding:.75rem 1rem;text-align:center;text-decoration:none;width:100%}
button:focus-visible,a:focus-visible,input:focus-visible{
outline:3px solid #f0a020;outline-offset:2px}
.quiet{background:none;border:1px solid currentColor;color:inherit;font-weight:400}
header img{display:block;max-height:3rem;max-width:60%}
footer{font-size:.875rem}
summary{cursor:pointer;min-height:3rem;padding:.75rem 0;box-sizing:border-box}
#said:empty{display:none}
.note,#said{border-left:4px solid #f0a020;padding-left:1rem}
]]

--- The headers of an answer with a page: nothing is kept, and no other site may frame it.
---@param more table<string, string>? further headers, or other values
---@return table<string, string> headers a new table
function html.headers(more)
  return tables.merged({ ["Content-Type"] = "text/html; charset=utf-8",
    ["Cache-Control"] = "no-store", ["X-Content-Type-Options"] = "nosniff",
    ["X-Frame-Options"] = "DENY" }, more or {})
end

--- A whole page.
---@param title string
---@param body string HTML
---@param style string the address of the style
---@param more { head: string?, header: string?, footer: string? }? HTML
---@return string
function html.page(title, body, style, more)
  more = more or {}
  return ([[<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>%s</title>
<link rel="stylesheet" href="%s">
%s</head>
<body>
%s<main>
<h1>%s</h1>
%s
</main>
%s</body>
</html>
]]):format(html.escape(title), html.escape(style), more.head or "", more.header or "",
    html.escape(title), body, more.footer or "")
end

return html
