"""Serve any OpenAPI 3.1 contract: the file is the law, handlers carry its operations' names.

``Contract`` reads it, ``Dialect`` serves it with the hooks of one service, ``Call`` is one request
as guards and handlers see it, ``Answer`` one reply with its own status.
"""

from rest_compat.dialect.answer import Answer, AnswerBreaksContract, Internal, check
from rest_compat.dialect.call import REMOTE, REQUEST_ID, Call
from rest_compat.dialect.contract import Contract
from rest_compat.dialect.dialect import Dialect
from rest_compat.dialect.handler import HandlersAstray
from rest_compat.dialect.operation import Operation
from rest_compat.dialect.schema import Schema
from rest_compat.dialect.upload import Upload, Uploads

__all__ = [
    "REMOTE",
    "REQUEST_ID",
    "Answer",
    "AnswerBreaksContract",
    "Call",
    "Contract",
    "Dialect",
    "HandlersAstray",
    "Internal",
    "Operation",
    "Schema",
    "Upload",
    "Uploads",
    "check",
]
