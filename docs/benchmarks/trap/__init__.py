"""Random well- and ill-posed problems with known answers, to hold what solutions say of themselves against the truth."""
