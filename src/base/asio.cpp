#include <boost/asio/impl/src.hpp> // Asio itself, compiled once (BOOST_ASIO_SEPARATE_COMPILATION)
