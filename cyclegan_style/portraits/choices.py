"""What portraits can show: colours, haircuts, clothes and scenes, and how common each is."""

# hue in degrees, saturation and value in percent, each from - to: the middle tone of the hair
HAIR_RANGES = {
    "black": ((15, 30), (12, 30), (9, 15)),
    "dark brown": ((16, 24), (45, 56), (20, 27)),
    "brown": ((18, 26), (48, 58), (34, 44)),
    "auburn": ((9, 16), (62, 74), (38, 50)),
    "blonde": ((34, 42), (36, 50), (68, 84)),
    "gray": ((25, 40), (2, 9), (55, 70)),
}
HAIR = {"black": 20, "dark brown": 20, "brown": 20, "auburn": 11, "blonde": 22, "gray": 7}
EYES = {"brown": (72, 46, 30), "dark brown": (46, 31, 24), "hazel": (104, 84, 48), "green": (92, 112, 84),
        "blue": (88, 120, 154), "gray": (118, 128, 136)}
EYE_SHARES = {"brown": 32, "dark brown": 26, "hazel": 13, "green": 8, "blue": 15, "gray": 6}
SKINS = {"pale": (238, 204, 186), "fair": (230, 190, 166), "light": (220, 174, 146), "olive": (202, 156, 124),
         "tan": (176, 126, 94), "brown": (138, 93, 66), "dark": (98, 64, 46)}
SKIN_SHARES = {"pale": 18, "fair": 30, "light": 22, "olive": 13, "tan": 8, "brown": 6, "dark": 3}
STYLES = {True: {"long": 40, "medium": 20, "fringe": 18, "back": 14, "short": 8},  # with make-up, and without
          False: {"short": 44, "crop": 26, "curly": 16, "long": 6, "receding": 8}}
BEARDS = {"": 50, "stubble": 28, "beard": 22}
CLOTHES = {"crew": 24, "neck": 24, "jacket": 22, "turtleneck": 12, "bare": 18}
SCENES = {"studio": 26, "blobs": 30, "lights": 16, "outdoors": 16, "panels": 12}

Colour = tuple[int, int, int]
