"""Proposals: what the machine takes for blurred, for a person to accept, edit or throw away."""

from __future__ import annotations

from annotation.propose.pair import propose_pair
from annotation.propose.proposal import Proposal
from annotation.propose.settings import PairSettings, SingleSettings
from annotation.propose.single import propose_single

__all__ = ["PairSettings", "Proposal", "SingleSettings", "propose_pair", "propose_single"]
