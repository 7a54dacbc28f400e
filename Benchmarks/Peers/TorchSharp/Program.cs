using Sequor.Peers;

// Times a training step of the same models in TorchSharp: forward, loss, backward, Adam.
return PeerProgram.Run(new TorchSharpPeer(), args);
