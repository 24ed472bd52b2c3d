// What is drawn of an item: the attributions of one input, with what that input was and in which form it is shown.

import { attributions } from './attributions.js';
import { axesOf, cardOf, formOf } from './axes.js';

export function subjects(job, item, common) {
  return attributions(item).map((tensor) => {
    const given = item.inputs.find((t) => t.name === tensor.name);
    const card = cardOf(common.card, tensor.name);
    const axes = axesOf(card, tensor.shape);
    const form = given?.datatype.startsWith('INT') && tensor.shape.length === 1 && card.kind !== 'tabular' ? 'words' : formOf(card, axes, tensor.shape);
    return { job, item, tensor, given, card, axes, form, whole: common.card, picture: common.pictures.includes(tensor.name) };
  });
}
