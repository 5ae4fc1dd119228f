export type { Say } from '../proxy/say.ts'
