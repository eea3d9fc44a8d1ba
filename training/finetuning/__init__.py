"""Trainings at the paper's size: Qwen2.5-VL with LoRA, SigLIP and DINOv2, by accelerate."""
