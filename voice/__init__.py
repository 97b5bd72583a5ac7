"""Audio to text and text to audio; knows no command."""
