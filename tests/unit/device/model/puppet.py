"""A model's process without a model: it speaks the frames, and misbehaves as the name of the file tells it.

``python puppet.py``; what it is to do is the last part of the path that it is to load.
"""

import os
import signal
import sys
import time

from device.model.frames import Ask, Done, Load, Message, Piece, Reading, Ready, Refused, pack, read


def tell(message: Message) -> None:
    sys.stdout.buffer.write(pack(message))
    sys.stdout.buffer.flush()


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def begin(mood: str) -> None:
    match mood:
        case "refuses":
            tell(Refused(0, "The model file is damaged; forms still work."))
        case "dies-at-once":
            die()
        case "babbles-at-once":
            tell(Piece(0, "hello"))
        case _:
            tell(Ready(1))


def answer(mood: str, ask: Ask) -> None:
    tell(Reading(ask.number, 12, 4))
    match mood:
        case "dies":
            tell(Piece(ask.number, "ha"))
            die()
        case "is-cut-short":
            sys.stdout.buffer.write(pack(Piece(ask.number, "half a frame"))[:-3])
            sys.stdout.buffer.flush()
            die()
        case "shouts":
            print("llama_print: n_ctx = 5" * 50)
            sys.stdout.flush()
        case "promises-gigabytes":
            sys.stdout.buffer.write(b"\xff\xff\xff\xff{}")
            sys.stdout.buffer.flush()
        case "is-silent" | "hangs":
            if mood == "hangs":
                tell(Piece(ask.number, "h"))
            time.sleep(60)
        case _:
            for piece in ("o", "k", f" {ask.number}"):
                tell(Piece(ask.number, piece))
            tell(Done(ask.number, 3, stopped=False))


mood = ""
while (message := read(sys.stdin.buffer)) is not None:
    match message:
        case Load(path):
            mood = os.path.basename(path)
            begin(mood)
        case Ask():
            answer(mood, message)
        case _:
            pass
