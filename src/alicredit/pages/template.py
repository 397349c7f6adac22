"""The one template of all pages: style, the script that sorts tables, and what may be loaded.

A page may load nothing and run nothing but the script below, which the browser knows by its digest;
a name that holds markup is text, and would not run if it were not.
"""

from __future__ import annotations

import base64
import hashlib

STYLE = """
:root{--ink:#1c2733;--soft:#566371;--line:#d5dce4;--bar:#0072B2;--paper:#fff;--back:#f4f6f8;
--red:#a33b00;--amber:#7a5200;--green:#00664a}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;color:var(--ink);background:var(--back);font:15px/1.5 system-ui,-apple-system,
"Segoe UI","Noto Sans","Noto Sans CJK SC","Noto Sans SC","Source Han Sans SC","PingFang SC",
"Microsoft YaHei","WenQuanYi Zen Hei","WenQuanYi Micro Hei",sans-serif}
main{max-width:1000px;margin:0 auto;padding:24px 16px 48px}
h1{font-size:1.6rem;margin:0 0 4px;overflow-wrap:anywhere}
h2{font-size:1.15rem;margin:0 0 2px;overflow-wrap:anywhere}
h2 .zh,h1 .zh{font-weight:400}
.lead{color:var(--soft);margin:0 0 16px;overflow-wrap:anywhere}
nav{margin:0 0 16px}nav ul{list-style:none;margin:0;padding:0;display:flex;flex-wrap:wrap;
gap:2px 16px}nav a{color:var(--bar)}
section{background:var(--paper);border:1px solid var(--line);border-radius:8px;
padding:16px 18px;margin:0 0 16px}
.note{color:var(--soft);margin:0 0 10px;font-size:.92rem;overflow-wrap:anywhere}
.scroll{overflow-x:auto}
.scroll+.scroll,.pics+.scroll,.figures+.scroll,.figures+.pics{margin-top:14px}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
caption{text-align:left;font-weight:600;padding:4px 0}
th,td{padding:5px 10px;text-align:left;border-bottom:1px solid var(--line);vertical-align:top}
td{max-width:36rem}td:not(.n){overflow-wrap:break-word}td.long{overflow-wrap:anywhere;min-width:9rem}
thead th{vertical-align:bottom;font-size:.93em}.wide th,.wide td{padding:5px 6px}
td.n,th.n{text-align:right}td.n{white-space:nowrap}
thead button{font:inherit;color:inherit;background:none;border:0;padding:0;margin:0;
text-align:inherit;cursor:pointer}
thead button::after{content:"\\a0\\2195";color:#9aa7b4;font-weight:400}
th[aria-sort=ascending] button::after{content:"\\a0\\2191";color:var(--bar);font-weight:700}
th[aria-sort=descending] button::after{content:"\\a0\\2193";color:var(--bar);font-weight:700}
button:focus-visible,a:focus-visible,.scroll:focus-visible,.pic:focus-visible{
outline:3px solid #E69F00;outline-offset:2px}
.wide td:first-child,.wide th:first-child{position:sticky;left:0;background:var(--paper)}
tr.group th{background:var(--back);font-weight:600}
tbody:last-child tr:last-child td{border-bottom:0}
.zh,code{color:var(--soft);font-size:.88em}
.zh,td code{margin-left:10px}code{font-family:inherit;overflow-wrap:anywhere}
td code{overflow-wrap:break-word}
.figures{display:flex;flex-wrap:wrap;gap:10px 28px;margin:8px 0 0}
.figures div{min-width:120px}.figures b{display:block;font-size:1.45rem;line-height:1.25}
.figures span{color:var(--soft);font-size:.9rem}
.bar{display:inline-block;vertical-align:middle;background:#e8edf2;border-radius:3px;height:10px;
width:110px;margin-left:8px;text-align:left}
.bar i{display:block;height:10px;border-radius:3px;background:var(--bar)}
.level{font-weight:700;white-space:nowrap}
.level.red{color:var(--red)}.level.amber{color:var(--amber)}.level.green{color:var(--green)}
.pics{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,440px),1fr));gap:12px 20px}
.pics.one{grid-template-columns:minmax(0,1fr)}
.pic{margin:0;min-width:0;overflow-x:auto}
.pic svg{display:block;width:100%;max-width:700px;height:auto}
.pic svg text{font-family:inherit}
figcaption{color:var(--soft);font-size:.88rem;margin:2px 0 6px}
.said{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
footer{color:var(--soft);font-size:.88rem;overflow-wrap:anywhere}
@media (max-width:640px){main{padding:16px 8px 32px}section{padding:12px}th,td{padding:4px 6px}
.wide td:first-child,.wide thead th:first-child{min-width:5.5rem;max-width:42vw}
.zh,td code{display:block;margin-left:0}.bar{display:none}h2 .zh{display:inline}
.prose thead{display:none}.prose,.prose tbody,.prose tr,.prose th,.prose td{display:block;
max-width:none;min-width:0}.prose td,.prose td.n{text-align:left;border:0;padding:2px 6px;
white-space:normal;overflow-wrap:anywhere}
.prose td::before{content:attr(data-l) ": ";color:var(--soft);font-size:.88em}
.prose td.bare{display:none}
.prose tr{border-bottom:1px solid var(--line);padding:6px 0}
td.n,th.n{width:1%}.figures div{min-width:44%}.figures{gap:10px 4%}.pic svg{min-width:460px}}
@page{margin:14mm 12mm}
@media print{body{background:#fff;font-size:12px}main{max-width:none;padding:0}nav{display:none}
section{border:0;border-top:1px solid var(--line);border-radius:0;padding:10px 0;margin:0}
.scroll,.pic{overflow:visible}.pic,tr,h2,.figures{break-inside:avoid}h2,.note{break-after:avoid}
thead button::after{content:""!important}td{max-width:none}th,td{padding:3px 6px}
.pics{grid-template-columns:repeat(2,minmax(0,1fr))}.pics.one{grid-template-columns:minmax(0,1fr)}
.note{break-inside:avoid}
.wide td:first-child,.wide th:first-child{position:static}td.n{white-space:normal}
.bar i{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
"""

SCRIPT = """
"use strict";
(function () {
  var said = document.getElementById("said");
  function value(cell) {
    var given = cell ? cell.getAttribute("data-v") : null;
    if (given === "") { return null; }
    if (given !== null) { return Number(given); }
    return cell ? cell.textContent.trim().toLowerCase() : null;
  }
  function order(one, two, sign) {
    if (one === null || two === null) {
      return one === two ? 0 : one === null ? 1 : -1;
    }
    return (one < two ? -1 : one > two ? 1 : 0) * sign;
  }
  function sort(table, head, at) {
    var down = head.getAttribute("aria-sort") === "ascending";
    table.querySelectorAll("thead th").forEach(function (each) {
      each.setAttribute("aria-sort", "none");
    });
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    Array.from(table.tBodies).forEach(function (body) {
      var rows = Array.from(body.rows).filter(function (row) {
        return !row.classList.contains("group");
      });
      rows.sort(function (a, b) {
        return order(value(a.cells[at]), value(b.cells[at]), down ? -1 : 1);
      });
      rows.forEach(function (row) { body.appendChild(row); });
    });
    said.textContent = head.textContent.trim() + (down ? ": descending \u964d\u5e8f"
      : ": ascending \u5347\u5e8f");
  }
  document.querySelectorAll("table").forEach(function (table) {
    Array.from(table.querySelectorAll("thead th")).forEach(function (head, at) {
      var button = document.createElement("button");
      button.type = "button";
      while (head.firstChild) { button.appendChild(head.firstChild); }
      head.appendChild(button);
      head.setAttribute("aria-sort", "none");
      button.addEventListener("click", function () { sort(table, head, at); });
    });
  });
})();
"""

DIGEST = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; "
    f"script-src 'sha256-{DIGEST}'; base-uri 'none'; form-action 'none'"
)
"""What a page may load: nothing; its own style, and its own script by digest."""

_TABLE = """
{% macro show(table, by) %}
{% set is_wide = table.head|length > 4 and not table.is_prose %}
<div class="scroll{% if is_wide %} wide{% endif %}" role="region" tabindex="0"
 aria-label="{{ table.caption or by }}">
<table{% if table.is_prose %} class="prose"{% endif %}>
{% if table.caption %}<caption>{{ table.caption }}</caption>{% endif %}<thead><tr>
{% for h in table.head %}<th scope="col"{% if h.numeric %} class="n"{% endif %}>
{{ h.text }}</th>{% endfor %}</tr></thead>
{% for group in table.groups %}<tbody>
{% if group.title %}<tr class="group"><th scope="rowgroup" colspan="{{ table.head|length }}">
{{ group.title }}{% if group.code %} <code>{{ group.code }}</code>{% endif %}</th></tr>{% endif %}
{% for row in group.rows %}<tr>{% for cell in row %}
<td{% if table.head[loop.index0].numeric %} class="n"
{% elif cell.style %} class="{{ cell.style }}"{% endif %}
{% if table.is_prose %} data-l="{{ table.head[loop.index0].text }}"{% endif %}
{% if cell.sort is not none %} data-v="{{ cell.sort }}"{% endif %}>
{% if cell.level %}<span class="level {{ cell.level }}">{{ cell.text }}</span>
{% else %}{{ cell.text }}{% endif %}
{% if cell.zh %}<span class="zh" lang="zh-Hans">{{ cell.zh }}</span>{% endif %}
{% if cell.code %}<code>{{ cell.code }}</code>{% endif %}
{% if cell.width is not none %}<span class="bar" aria-hidden="true">
<i style="width:{{ cell.width }}%"></i></span>{% endif %}</td>
{% endfor %}</tr>{% endfor %}</tbody>{% endfor %}</table></div>{% endmacro %}
"""

TEMPLATE = (
    _TABLE
    + """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{{ policy }}">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title><style>{{ style|safe }}</style></head><body><main>
<h1>{{ title }}{% if title_zh %} <span class="zh" lang="zh-Hans">{{ title_zh }}</span>{% endif %}
</h1><p class="lead">{{ lead }}</p>
{% if parts|length > 5 %}<nav aria-label="contents"><ul>{% for part in parts %}
<li><a href="#s{{ loop.index }}">{{ part.title }}</a></li>{% endfor %}</ul></nav>{% endif %}
{% for part in parts %}{% set by = part.title %}<section aria-labelledby="s{{ loop.index }}">
<h2 id="s{{ loop.index }}">{{ part.title }}{% if part.title_zh %}
 <span class="zh" lang="zh-Hans">{{ part.title_zh }}</span>{% endif %}</h2>
<p class="note">{{ part.note }}</p>
{% if part.figures %}<div class="figures">{% for f in part.figures %}
<div><b>{{ f[0] }}</b><span>{{ f[1] }}</span></div>{% endfor %}</div>{% endif %}
{% if part.charts %}<div class="pics{% if part.charts|length == 1 %} one{% endif %}">
{% for chart in part.charts %}<figure class="pic" tabindex="0">{{ chart.svg|safe }}
<figcaption>{{ chart.caption }}{% if chart.caption_zh %}
 <span class="zh" lang="zh-Hans">{{ chart.caption_zh }}</span>{% endif %}</figcaption></figure>
{% endfor %}</div>{% endif %}
{% for table in part.tables %}{% if table.groups %}{{ show(table, by) }}{% endif %}{% endfor %}
</section>{% endfor %}
<footer>{{ foot }}</footer></main><p id="said" class="said" aria-live="polite"></p>
<script>{{ script|safe }}</script></body></html>
"""
)
