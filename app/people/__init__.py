"""Pages on which people sign up, log in and out, and see where they are logged in.

Whole without scripts, and none may run on them. Their forms carry proofs: those of a session where
there is one, else of a cookie that only the forms know, so that nobody is logged in as somebody
else by a page of another site.
"""

import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import structlog
from aiohttp import hdrs, web

from app.people.pages import addressed, own_path, rendered
from app.refusals import refusal_of
from resolvers import accounts, csrf, passwords, sessions
from resolvers.context import Context
from resolvers.errors import Forbidden, Invalid, RateLimited, StoreError, Unauthenticated
from resolvers.services import Services
from resolvers.sessions import Opened
from rest_compat.dialect import REMOTE, REQUEST_ID
from rest_compat.instxnt import cookies

log = structlog.get_logger()
FORM = "application/x-www-form-urlencoded"
FORM_LIFETIME = 3600
GOOGLE = "/instxnt/api/auth/google"
NOTICES: Mapping[str, str] = {
    "google-off": "No Google sign-in is configured here: log in with your password.",
    "google-refused": "You did not log in at Google.",
    "google-failed": "Logging in at Google did not work. Try again, or use your password.",
    "logged-out": "You are logged out.",
}
STALE = "This form was too old, or your browser keeps no cookies. Send it again."
Served = Callable[[web.Request], Awaitable[web.StreamResponse]]


class People:
    """The pages over given services."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def routes(self) -> Sequence[web.RouteDef]:
        return [
            web.get("/login", self._guarded(self.show_log_in)),
            web.post("/login", self._guarded(self.log_in)),
            web.get("/signup", self._guarded(self.show_sign_up)),
            web.post("/signup", self._guarded(self.sign_up)),
            web.post("/logout", self._guarded(self.log_out)),
            web.get("/account", self._guarded(self.show_account)),
            web.post("/account/logout-all", self._guarded(self.log_out_everywhere)),
        ]

    # Coming in

    async def show_log_in(self, request: web.Request) -> web.StreamResponse:
        return await self._entrance(request, "login")

    async def show_sign_up(self, request: web.Request) -> web.StreamResponse:
        return await self._entrance(request, "signup")

    async def log_in(self, request: web.Request) -> web.StreamResponse:
        async def enter(ctx: Context, form: Mapping[str, str]) -> Opened:
            return await accounts.log_in(
                ctx,
                email=form.get("email", ""),
                password=form.get("password", ""),
                browser=cookies.browser_of(request, ctx.remote),
            )

        return await self._entered(request, "login", enter)

    async def sign_up(self, request: web.Request) -> web.StreamResponse:
        async def enter(ctx: Context, form: Mapping[str, str]) -> Opened:
            wanted = accounts.NewAccount(
                email=form.get("email", ""),
                password=form.get("password", ""),
                name=form.get("name") or None,
                organization=form.get("organization") or None,
            )
            browser = cookies.browser_of(request, ctx.remote)
            return await accounts.sign_up(ctx, input=wanted, browser=browser)

        return await self._entered(request, "signup", enter)

    async def _entrance(self, request: web.Request, page: str) -> web.StreamResponse:
        if await self._viewer(request) is not None:
            return addressed(own_path(request.query.get("next")))
        notice = NOTICES.get(request.query.get("notice", ""))
        return self._form(request, page, request.query, [notice] if notice else [])

    async def _entered(
        self,
        request: web.Request,
        page: str,
        enter: Callable[[Context, Mapping[str, str]], Awaitable[Opened]],
    ) -> web.StreamResponse:
        form = await _fields(request)
        known = request.cookies.get(self._form_cookie)
        now = self._services.clock()
        if not known or not csrf.is_proof(known, form.get("csrf", ""), now):
            return self._form(request, page, form, [STALE], status=403)
        try:
            opened = await enter(self._context(request), form)
        except StoreError as error:
            return self._form(request, page, form, _said(error), error=error)
        response = addressed(own_path(form.get("next")))
        cookies.keep(response, self._services, opened.token, opened.expires_at)
        cookies.put(response, self._services, self._form_cookie, "", seconds=0)
        return response

    def _form(  # noqa: PLR0917 - what every form is made of
        self,
        request: web.Request,
        page: str,
        given: Mapping[str, str],
        messages: Sequence[str],
        error: StoreError | None = None,
        status: int = 200,
    ) -> web.Response:
        """A form, filled in as it came but for the password, with a proof of its own."""
        known = request.cookies.get(self._form_cookie)
        cookie = known if known and len(known) <= _LONGEST else secrets.token_urlsafe(32)
        response = rendered(
            page,
            status=status if error is None else refusal_of(error).status,
            messages=messages,
            proof=csrf.new_proof(cookie, self._services.clock()),
            next=own_path(given.get("next")),
            google=GOOGLE if self._services.google is not None else None,
            shortest=passwords.SHORTEST,
            **{name: given.get(name, "") for name in ("email", "name", "organization")},
        )
        if isinstance(error, RateLimited):
            response.headers[hdrs.RETRY_AFTER] = str(error.retry_after)
        cookies.put(response, self._services, self._form_cookie, cookie, seconds=FORM_LIFETIME)
        return response

    @property
    def _form_cookie(self) -> str:
        """With https, one that no page of a neighbouring name can plant (RFC 6265bis, 4.1.3.2)."""
        secure = cookies.is_secure(self._services)
        return "__Host-storegraph_form" if secure else "storegraph_form"

    # Inside

    async def show_account(self, request: web.Request) -> web.StreamResponse:
        ctx = self._context(request)
        ctx.viewer = await self._viewer(request)
        cookie = cookies.session_of(request)
        if ctx.viewer is None or cookie is None:
            return addressed("/login?next=/account")
        return rendered(
            "account",
            who=await accounts.profile(ctx),
            sessions=await sessions.active(ctx),
            current=ctx.viewer.session_id,
            proof=csrf.new_proof(cookie, self._services.clock()),
            messages=[],
        )

    async def log_out(self, request: web.Request) -> web.StreamResponse:
        return await self._left(request, sessions.log_out)

    async def log_out_everywhere(self, request: web.Request) -> web.StreamResponse:
        return await self._left(request, sessions.revoke_all)

    async def _left(
        self, request: web.Request, leave: Callable[[Context], Awaitable[Any]]
    ) -> web.StreamResponse:
        form, ctx = await _fields(request), self._context(request)
        ctx.viewer = await self._viewer(request)
        cookie = cookies.session_of(request)
        if ctx.viewer is not None and cookie is not None:
            if not csrf.is_proof(cookie, form.get("csrf", ""), self._services.clock()):
                raise Forbidden("this form is not of this session, or too old")
            await leave(ctx)
        response = addressed("/login?notice=logged-out")
        cookies.forget(response, self._services)
        return response

    # Every page

    def _guarded(self, serve: Served) -> Served:
        """What goes wrong is told on a page, too."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            try:
                return await serve(request)
            except StoreError as error:
                refused = refusal_of(error)
                return rendered("page", status=refused.status, messages=_said(error))
            except web.HTTPException:
                raise
            except Exception:
                name = request[REQUEST_ID]
                log.exception("unhandled_error", request_id=name)
                said = f"Something went wrong. Its number is {name}."
                return rendered("page", status=500, messages=[said])

        return guarded

    def _context(self, request: web.Request) -> Context:
        return Context(self._services, None, request[REQUEST_ID], request.get(REMOTE))

    async def _viewer(self, request: web.Request) -> Any:
        """Who is logged in; None where nobody is (any more)."""
        cookie = cookies.session_of(request)
        try:
            return None if cookie is None else await sessions.viewer_of(self._services, cookie)
        except Unauthenticated:
            return None


_LONGEST = 256


async def _fields(request: web.Request) -> dict[str, str]:
    """The fields of a form, the last of each name. Raises ``Invalid`` for anything else."""
    if request.content_type != FORM:
        raise Invalid("this takes the page's own form")
    form = await request.post()
    return {name: value for name, value in form.items() if isinstance(value, str)}


def _said(error: StoreError) -> list[str]:
    """What was wrong, as sentences."""
    problems = error.problems if isinstance(error, Invalid) else ()
    said = [problem.message for problem in problems] or [str(error)]
    return [f"{text[:1].upper()}{text[1:]}".rstrip(".") + "." for text in said]
