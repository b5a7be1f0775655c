# in one terminal: the cloud
uv run privprune serve data/deployed/photos-bottleneck

# in another one: the device, with a photograph of a cat
uv run python -c "import skimage; skimage.io.imsave('cat.png', skimage.data.chelsea()[160:192, 112:144])"
uv run privprune send data/deployed/photos-bottleneck cat.png
uv run privprune send data/deployed/photos-bottleneck cat.png --edge int8 --dtype uint4
