import { domainToASCII } from 'node:url'

/** Punycode of an internationalized name, which DNS, TLS and links need; other text unchanged. */
export const asciiName = (text: string): string =>
  /^\p{ASCII}*$/u.test(text) || /[/?#@:\\%\s]/.test(text) ? text : domainToASCII(text)

/** `host:port`, with an IPv6 address in brackets. */
export const hostAndPort = (name: string, number: number | string): string =>
  name.includes(':') ? `[${name}]:${number}` : `${name}:${number}`
