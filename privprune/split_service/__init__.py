"""A network that was deployed as two halves, at work: a client on the device, a server in the cloud, HTTP between.

Nothing here needs PyTorch. The halves are files of the stage `deploy`; ONNX Runtime, of the extra `onnx`, runs them.
"""
