"""The page that asks for name and password. It stands alone: without a login no other file is served.

The form names no address, so that it goes to the page's own with its fragment: the panel that was asked for.
"""

from __future__ import annotations

from html import escape
from http import HTTPStatus

from starlette.responses import HTMLResponse

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>CLAP console: log in</title>
<style>
  :root {{ color-scheme: light dark; --page: #f1f5f9; --card: #fff; --text: #0f172a; --line: #94a3b8; --bad: #b91c1c; }}
  @media (prefers-color-scheme: dark) {{
    :root {{ --page: #0b1220; --card: #111a2c; --text: #e2e8f0; --line: #64748b; --bad: #fca5a5; }}
  }}
  body {{ margin: 0; min-height: 100vh; display: grid; place-items: center; background: var(--page); color: var(--text);
    font: 16px/1.5 Inter, system-ui, sans-serif; }}
  form {{ width: min(22rem, 90vw); box-sizing: border-box; padding: 2rem; border: 1px solid var(--line);
    border-radius: 12px; background: var(--card); display: grid; gap: 1rem; }}
  h1 {{ margin: 0; font-size: 1.3rem; }}
  p {{ margin: 0; }}
  p[role=alert] {{ color: var(--bad); }}
  label {{ display: grid; gap: .3rem; font-size: .9rem; }}
  input {{ font: inherit; padding: .5rem .6rem; border: 1px solid var(--line); border-radius: 8px;
    background: var(--page); color: inherit; }}
  button {{ font: inherit; font-weight: 600; padding: .6rem; border: 0; border-radius: 8px; background: #0369a1;
    color: #fff; cursor: pointer; }}
  :focus-visible {{ outline: 2px solid #0ea5e9; outline-offset: 2px; }}
</style>
</head>
<body>
<main>
<form method="post">
  <h1>CLAP console</h1>
  <p>Log in to watch and to operate the robot.</p>
  {message}
  <label>Name <input name="user" autocomplete="username" required autofocus></label>
  <label>Password <input name="password" type="password" autocomplete="current-password" required></label>
  <button>Log in</button>
</form>
</main>
</body>
</html>
"""

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}


def login_page(sentence: str = "", status: HTTPStatus = HTTPStatus.OK) -> HTMLResponse:
    """The form, with a sentence about the last attempt."""
    message = f'<p role="alert">{escape(sentence)}</p>' if sentence else ""
    return HTMLResponse(PAGE.format(message=message), status, HEADERS)
