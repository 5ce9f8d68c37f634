"""What a triangle of a scene is made of, as a number in its mesh."""

SKIN, CLOTH, OTHER_SKIN, HAIR, THING, WORN = range(6)  # only SKIN is labelled, with WORN on it
