// A channel of 2 x 1 with a round obstacle: gmsh -2 obstacle.geo
SetFactory("OpenCASCADE");
Rectangle(1) = {0, 0, 0, 2, 1};
Disk(2) = {0.7, 0.45, 0, 0.2};
BooleanDifference(3) = { Surface{1}; Delete; }{ Surface{2}; Delete; };
eps = 1e-6;
left() = Curve In BoundingBox {-eps, -eps, -eps, eps, 1 + eps, eps};
right() = Curve In BoundingBox {2 - eps, -eps, -eps, 2 + eps, 1 + eps, eps};
lower() = Curve In BoundingBox {-eps, -eps, -eps, 2 + eps, eps, eps};
upper() = Curve In BoundingBox {-eps, 1 - eps, -eps, 2 + eps, 1 + eps, eps};
obstacle() = Curve In BoundingBox {0.4, 0.2, -eps, 1, 0.7, eps};
Physical Curve("left") = {left()};
Physical Curve("right") = {right()};
Physical Curve("walls") = {lower(), upper()};
Physical Curve("obstacle") = {obstacle()};
Physical Surface("fluid") = {3};
Mesh.MeshSizeMax = 0.12;
Mesh.MeshSizeFromCurvature = 32;
