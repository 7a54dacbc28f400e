using Sequor.Peers;

// Times the forward pass and the step of a stream of the same models in ONNX Runtime.
return PeerProgram.Run(new OnnxPeer(), args);
