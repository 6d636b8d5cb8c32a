"""What helps a hand to draw: outlines that cling to edges, and objects cut out of a box. OpenCV, in bounded regions."""
