"""The twin of `scaledown bench rag`: one question over retrieved documents, compressed and uncompressed."""

import torch

from measuring import SHAPES, arguments, measure, prepare, print_measurements
from models import NLayers, decoder, prompt, tokens


def main():
    options = arguments(__doc__).parse_args()
    prepare(options)
    shape = SHAPES["rag"]
    generator = decoder().eval()
    compressor = NLayers(generator).eval()
    query = tokens(1, shape["query_tokens"])
    documents = tokens(shape["documents"], shape["document_tokens"])
    embed = generator.get_input_embeddings()

    def answer(embeds):
        mask = torch.ones(embeds.shape[:2], dtype=torch.long)
        settings = {"attention_mask": mask, "do_sample": False, "max_new_tokens": shape["new_tokens"]}
        return generator.generate(inputs_embeds=embeds, **settings)

    @torch.no_grad()
    def compressed():
        vectors, _ = compressor(torch.cat([query.expand(len(documents), -1), documents], 1))
        answer(prompt(embed, vectors, shape["documents"], query))

    @torch.no_grad()
    def uncompressed():
        answer(prompt(embed, embed(documents), shape["documents"], query))

    runs = {"rag-compressed": compressed, "rag-uncompressed": uncompressed}
    print_measurements([measure(name, run, options, shape, shape["new_tokens"]) for name, run in runs.items()])


if __name__ == "__main__":
    main()
