// A classic script before the first paint: a remembered theme must not flash the other one.
try {
  const remembered = localStorage.getItem('theme')
  if (remembered === 'light' || remembered === 'dark') document.documentElement.dataset.theme = remembered
} catch {
  // Storage is refused: the system's theme it is.
}
