sox -n -r 44100 -c 2 tone.wav synth 1 sine 440 sine 880 vol 0.5; soxi tone.wav; md5sum tone.wav
sox -D tone.wav -r 8000 -c 1 -e u-law tone.au; soxi tone.au; md5sum < tone.au
sox tone.wav -n stat 2>&1 | head -8; sox tone.wav -t raw - reverb | sox -t raw -r 44100 -e signed -b 16 -c 2 - out.flac trim 0 0.5 2>&1; soxi -D out.flac; sox tone.wav -n stats 2>&1 | tail -4; sox --multi-threaded tone.wav rev.wav reverse && md5sum rev.wav
