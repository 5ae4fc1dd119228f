// Letters and digits with their marks, apostrophes, middle dots, Hebrew geresh: real names use them.
const shape = /^[\p{L}\p{N}][\p{L}\p{N}\p{M} ._@'\-\u2019\u2010\u00b7\u30fb\u05f3\u05f4]*$/u
/** Persian and Hindi need a joiner between letters or their marks; elsewhere it is invisible. */
const strayJoiner = /(?<![\p{L}\p{M}])[\u200c\u200d]|[\u200c\u200d](?!\p{L})/u
/** Fillers, variation selectors, stacks of marks. */
const unseen = /\p{Default_Ignorable_Code_Point}|\p{Me}|\p{M}{5}/u
const joiners = /[\u200c\u200d]/g
const marks = /\p{M}/gu
const mostLetters = 32
const mostCharacters = 96

/**
 * A user's name in NFC, the form in events, labels, keys and logs; null for an invalid one. Control characters, bidi
 * overrides, separators and invisible characters are invalid: a name must not forge a line, a key or another name.
 */
export const readUserName = (text: string): string | null => {
  const name = text.normalize('NFC').trim()
  const plain = name.replace(joiners, '')
  const letters = [...plain.replace(marks, '')].length
  const good = shape.test(plain) && !strayJoiner.test(name) && !unseen.test(plain)
  return good && letters <= mostLetters && name.length <= mostCharacters ? name : null
}

/** Two names with the same key look alike: case, width and joiners make no difference. */
export const nameKey = (name: string): string => name.normalize('NFKC').replace(joiners, '').toLowerCase()
