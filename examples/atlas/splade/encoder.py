"""A BERT masked language model as an encoder of texts and a ranker of documents."""

import torch

POSITIONS = 256


class Encoder:
    """Texts as vectors over the vocabulary: log(1 + relu(x)), x the greatest logit of a term at the text's tokens."""

    def __init__(self, network, texts):
        self.network, self.texts = network, texts
        self.texts.enable_padding(pad_id=0, pad_token="<pad>")
        self.texts.enable_truncation(POSITIONS)
        specials = [i for i, token in texts.get_added_tokens_decoder().items() if token.special]
        self.kept = torch.ones(texts.get_vocab_size()).index_fill(0, torch.tensor(specials), 0.0)

    def __call__(self, texts):
        encodings = self.texts.encode_batch(texts)
        ids, mask = (torch.tensor([getattr(e, key) for e in encodings]) for key in ("ids", "attention_mask"))
        logits = self.network(input_ids=ids, attention_mask=mask).logits
        greatest = logits.masked_fill(mask[..., None] == 0, -1e9).amax(1)
        return torch.log1p(torch.relu(greatest)) * self.kept

    @torch.no_grad()
    def all(self, texts, batch=64):
        """The vectors of many texts, which are put in batches by length."""
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        vectors = torch.cat([self([texts[i] for i in order[at : at + batch]]) for at in range(0, len(texts), batch)])
        return vectors[torch.tensor(order).argsort()]


def rankings(encode, vectors, asked, k=20):
    """The places of the best documents, whose vectors are given, for each question."""
    scores = encode.all([question.text for question in asked]) @ vectors.T
    return scores.topk(k).indices.tolist()
