"""How the server says no."""


class Refusal(Exception):
    """A reply with an error status and Kaggle's JSON body, ``{"code": …, "message": …}``."""

    def __init__(self, status: int, message: str):
        super().__init__(message)
        self.status = status
        self.message = message

    @property
    def body(self) -> dict:
        return {"code": self.status, "message": self.message}
